/** `make story c=installer`: the files of one context in reading order, layer by layer. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { say } from './stack/say.ts'

/** The number range of each context's migrations. */
const MIGRATIONS: Readonly<Record<string, RegExp>> = {
  kernel: /^00/,
  identity: /^01/,
  registry: /^02/,
  installer: /^03/,
  gateway: /^04/,
  analytics: /^05/,
}
const READ_FIRST = ['events.ts', 'routes.ts', 'reactor.ts', 'jobs.ts']

const root = path.resolve(import.meta.dirname, '..')
process.exitCode = tell(process.argv[2] ?? '')

function tell(context: string): number {
  const contexts = contextsOf('domain', 'projections', 'services')
  if (!contexts.includes(context)) {
    process.stderr.write(`Say which context: make story c=<${contexts.join('|')}>\n`)
    return 2
  }
  for (const [title, files] of chapters(context)) {
    if (files.length > 0) say(`\n${title}`)
    for (const file of files) say(`  ${file}  (${lines(file)})`)
  }
  return 0
}

function chapters(context: string): readonly (readonly [string, readonly string[]])[] {
  const migrations = MIGRATIONS[context]
  return [
    ['Facts and decisions', filesIn(`domain/${context}`)],
    ['Read models', filesIn(`projections/${context}`)],
    [
      'Tables',
      ['projections/migrations', 'infra/postgres/migrations']
        .flatMap(filesIn)
        .filter((file) => migrations?.test(path.basename(file))),
    ],
    ['Commands, queries, reactions', filesIn(`services/${context}`)],
    ['Adapters that know its facts', filesIn('infra').filter((file) => imports(file, context))],
    [
      'Tests',
      ['domain', 'projections', 'services'].flatMap((layer) => filesIn(`test/${layer}/${context}`)),
    ],
  ]
}

function contextsOf(...layers: readonly string[]): readonly string[] {
  const names = layers.flatMap((layer) =>
    readdirSync(path.join(root, layer), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && filesIn(`${layer}/${entry.name}`).length > 0)
      .map(({ name }) => name),
  )
  return [...new Set(names)].filter((name) => name !== 'migrations' && name !== 'ports').sort()
}

function filesIn(folder: string): readonly string[] {
  if (!existsSync(path.join(root, folder))) return []
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => path.extname(file) !== '')
    .map((file) => path.posix.join(folder, file))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
}

function rank(file: string): number {
  const at = READ_FIRST.indexOf(path.basename(file))
  return at === -1 ? READ_FIRST.length : at
}

function imports(file: string, context: string): boolean {
  return text(file).includes(`/domain/${context}/`)
}

function lines(file: string): string {
  return `${text(file).split('\n').length - 1} lines`
}

function text(file: string): string {
  return readFileSync(path.join(root, file), 'utf8')
}
