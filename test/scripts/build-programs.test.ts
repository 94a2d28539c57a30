import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t from 'tap'
import { buildPrograms } from '../../scripts/stack/build-programs.ts'

/** In parts: in this file, which is built itself, it would be this file's own. */
const META = ['import', 'meta'].join('.')
const PROGRAM = `
import { Type } from 'typebox'
import pg from 'pg'
import { word } from './parts/word.ts'
const name: string = 'migration'
const { step } = await import(\`./parts/\${name}.ts\`)
console.log(JSON.stringify({
  word, step, isString: Type.String().type, pool: typeof pg.Pool,
  places: [${META}.dirname, ${META}.url], thread: ${META}.resolve('./parts/thread.ts'),
}))`

t.test('what was built of a program runs without a loader and finds what it did', async (t) => {
  const root = t.testdir({
    'program.ts': PROGRAM,
    parts: {
      'word.ts': `export const word: string = 'shared'`,
      'migration.ts': `export const step: string = 'found'`,
      'thread.ts': `import { word } from './word.ts'\nconsole.log(word)`,
    },
    node_modules: t.fixture('symlink', path.resolve(import.meta.dirname, '../../node_modules')),
  })
  const { urlOf } = await buildPrograms(root, ['program.ts'], path.join(t.testdirName, 'built'))
  const said = JSON.parse(run(urlOf('program.ts')))
  t.same(said, {
    ...{ word: 'shared', step: 'found', isString: 'string', pool: 'function' },
    places: [root, pathToFileURL(path.join(root, 'program.ts')).href],
    thread: urlOf('parts/thread.ts'),
  })
  t.equal(run(said.thread), 'shared\n', 'a program that it names is built as well')
})

function run(program: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(program)], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  })
  if (stdout === '') throw new Error(stderr)
  return stdout
}
