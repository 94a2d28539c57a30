// Plain old JavaScript without imports of ours: it has to run on the Node that is too old.
const wanted = require('../package.json').engines.node.replace('>=', '').split('.').map(Number)
const found = process.versions.node.split('.').map(Number)

if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])) {
  console.error(
    `Tidemark needs Node ${wanted.join('.')} or newer; this is Node ${process.versions.node}.`,
  )
  process.exit(1)
}
