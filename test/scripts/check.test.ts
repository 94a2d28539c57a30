import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'

const root = path.resolve(import.meta.dirname, '../..')
/** Enough of the project for every tool to find what it looks at. */
const COPIED = [
  'domain/kernel/decider.ts',
  'services/kernel/problem.ts',
  'scripts/boundaries.ts',
  'scripts/check-node.cjs',
  'scripts/stack/say.ts',
  'scripts/stack/stack-error.ts',
  'Makefile',
  'package.json',
  'tsconfig.json',
  'biome.json',
  'knip.json',
  '.dependency-cruiser.cjs',
]

const copy = mkdtempSync(path.join(tmpdir(), 'tidemark-check-'))
t.teardown(() => rmSync(copy, { recursive: true, force: true }))
for (const name of COPIED) cpSync(path.join(root, name), path.join(copy, name), { recursive: true })
symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
// Older than any installed package: the copy has nothing to install.
writeFileSync(path.join(copy, 'package-lock.json'), '{}')
spawnSync('touch', ['-d', '2000-01-01', path.join(copy, 'package-lock.json')])
write('projections/some.ts', 'export const some = 1\n')
write('infra/some.ts', 'export const some = 1\n')

function write(name: string, text: string) {
  mkdirSync(path.dirname(path.join(copy, name)), { recursive: true })
  writeFileSync(path.join(copy, name), text)
}

/** In a clean environment: what this run was told is not for it. */
function make(target: string) {
  const environment = [`PATH=${process.env.PATH}`, `HOME=${process.env.HOME}`]
  const { status, stdout, stderr } = spawnSync('env', ['-i', ...environment, 'make', target], {
    cwd: copy,
    encoding: 'utf8',
  })
  return { failed: status !== 0, output: stdout + stderr }
}

t.test('types: a wrong type fails', async (t) => {
  t.match(make('types'), { failed: false })
  write('domain/kernel/seeded.ts', "export const seeded: number = 'one'\n")
  t.match(make('types'), { failed: true, output: /seeded\.ts.*TS2322/s })
})

t.test('lint: a promise that nobody awaits fails', async (t) => {
  write('domain/kernel/seeded.ts', 'export function seeded() {\n  Promise.resolve()\n}\n')
  t.match(make('lint'), { failed: true, output: /seeded\.ts.*noFloatingPromises/s })
})

t.test('boundaries: a domain that does input and output fails', async (t) => {
  rmSync(path.join(copy, 'domain/kernel/seeded.ts'))
  t.match(make('boundaries'), { failed: false, output: / modules, 0 violations/ })
  write('domain/kernel/seeded.ts', "import 'node:fs'\n")
  t.match(make('boundaries'), {
    failed: true,
    output: /domain-is-pure: domain\/kernel\/seeded\.ts/,
  })
})

t.test('boundaries: finding nothing to check fails', async (t) => {
  rmSync(path.join(copy, 'domain/kernel/seeded.ts'))
  rmSync(path.join(copy, 'infra/some.ts'))
  write('infra/some.txt', '')
  t.match(make('boundaries'), { failed: true, output: /No module was found in infra/ })
})

t.test('unused: an export that nothing imports fails', async (t) => {
  write('domain/kernel/seeded.ts', 'export const seeded = 1\n')
  t.match(make('unused'), { failed: true, output: /seeded\.ts/ })
  t.match(
    readFileSync(path.join(copy, 'Makefile'), 'utf8'),
    /^check: types lint boundaries unused/m,
  )
})
