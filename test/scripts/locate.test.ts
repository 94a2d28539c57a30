import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { locate } from '../../scripts/stack/locate.ts'
import { provide } from '../../scripts/stack/provide.ts'

const TOOL = {
  program: 'no-such-server',
  environmentVariable: 'NO_SUCH_SERVER_BIN',
  package: 'tidemark-no-such-package',
}

function program(folder: string, name: string, mode = 0o755): string {
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, name)
  writeFileSync(file, '#!/bin/sh\n')
  chmodSync(file, mode)
  return file
}

t.test('PATH comes first, then the system folders, then ours', async (t) => {
  const dir = t.testdir()
  const ours = program(path.join(dir, 'ours'), 'server')
  const search = { PATH: path.join(dir, 'path'), systemFolders: [path.join(dir, 'system')] }
  const find = () => locate('server', [path.join(dir, 'ours')], search)
  t.equal(find(), ours)
  const system = program(path.join(dir, 'system'), 'server')
  t.equal(find(), system)
  const inPath = program(path.join(dir, 'path'), 'server')
  t.equal(find(), inPath)
})

t.test('a file that may not be run, or a folder, is no program', async (t) => {
  const dir = t.testdir({ server: {} })
  t.equal(locate('server', [], { PATH: dir, systemFolders: [] }), undefined)
  program(path.join(dir, 'more'), 'server', 0o644)
  t.equal(locate('server', [path.join(dir, 'more')], { PATH: '', systemFolders: [] }), undefined)
})

t.test('the program that the environment names is taken as it is', async (t) => {
  const dir = t.testdir()
  const file = program(dir, 'my-build')
  const options = { toolsDirectory: path.join(dir, 'tools'), say: () => t.fail('installs nothing') }
  t.equal(provide(TOOL, { ...options, environment: { NO_SUCH_SERVER_BIN: file } }), file)
  t.throws(() => provide(TOOL, { ...options, environment: { NO_SUCH_SERVER_BIN: '/not/there' } }), {
    name: 'StackError',
    message: 'NO_SUCH_SERVER_BIN=/not/there is not a program that can be run.',
  })
})

t.test('what cannot be had is said in one sentence, after saying what was tried', async (t) => {
  const said: string[] = []
  const options = {
    environment: process.env,
    toolsDirectory: path.join(t.testdir(), 'tools'),
    say: (line: string) => said.push(line),
    installers: () => [{ description: 'the moon', run() {} }],
  }
  t.throws(() => provide(TOOL, options), {
    name: 'StackError',
    message: /install the package "tidemark-no-such-package", or name the program in NO_SUCH/,
  })
  t.same(said, ['Installing no-such-server: the moon'])
})

t.test('a program that an installer brings into our folder is used', async (t) => {
  const toolsDirectory = path.join(t.testdir(), 'tools')
  const bin = path.join(toolsDirectory, 'bin')
  const found = provide(TOOL, {
    environment: process.env,
    toolsDirectory,
    say() {},
    installers: () => [{ description: 'here', run: () => void program(bin, TOOL.program) }],
  })
  t.equal(found, path.join(bin, TOOL.program))
})
