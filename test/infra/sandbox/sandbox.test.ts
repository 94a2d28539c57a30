import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import t from 'tap'
import type { Configuration, NpmRuntime } from '../../../domain/installer/events.ts'
import { nodeArguments } from '../../../infra/node-program.ts'
import { createSandbox } from '../../../infra/sandbox/sandbox.ts'
import { SandboxUnavailableError, type ServerProcess } from '../../../services/ports/sandbox.ts'
import { dataDirectory } from '../../support/installer-world.ts'
import { waitFor } from '../../support/wait-for.ts'

const dataDir = dataDirectory(t)
const directory = 'servers/acme/one/versions/two'
const runtime: NpmRuntime = {
  ...{ kind: 'npm', directory, entry: 'server.js', packages: 1, sizeBytes: 1 },
  ...{ lockSha256: '', treeSha256: '' },
}
const plain: Configuration = { environment: {}, arguments: [], secretNames: [], network: 'none' }

function script(text: string): void {
  mkdirSync(path.join(dataDir, directory), { recursive: true })
  writeFileSync(path.join(dataDir, directory, 'server.js'), text)
}

async function outputOf(child: ServerProcess): Promise<string> {
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  return text
}

script('')
const sandbox = await createSandbox({ dataDir, setting: 'auto' })
const works = sandbox.status.available
const skip = works ? false : 'bubblewrap does not work on this machine'

/** The script is an expression; what it says, or the code of what it throws. */
async function attack(expression: string): Promise<string> {
  script(`
    const fs = require('node:fs'); const net = require('node:net')
    const say = (text) => process.stdout.write(String(text))
    const run = async () => (${expression})
    run().then((value) => say('done ' + JSON.stringify(value)), (error) => say(error.code))`)
  const child = await sandbox.spawnServer(runtime, plain, {})
  return outputOf(child)
}

t.test('a server cannot leave its place', { skip }, async (t) => {
  process.env.CANARY_SECRET = 'of-this-program'
  t.teardown(() => delete process.env.CANARY_SECRET)
  const web = createServer((_request, response) => response.end('inside'))
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  t.teardown(() => web.close())
  const { port } = web.address() as AddressInfo

  t.equal(await attack(`fs.readFileSync('/etc/shadow')`), 'ENOENT')
  t.equal(await attack(`fs.readdirSync(${JSON.stringify(process.env.HOME ?? '/root')})`), 'ENOENT')
  t.equal(await attack(`fs.readdirSync(${JSON.stringify(dataDir)})`), 'ENOENT')
  t.equal(await attack(`fs.writeFileSync('/app/server.js', 'other')`), 'EROFS')
  t.equal(await attack(`fs.writeFileSync('/usr/bin/other', '')`), 'EROFS')
  t.notMatch(await attack('process.env'), /of-this-program/)
  t.match(
    await attack(`fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length < 5`),
    'true',
  )
  t.match(
    await attack(
      `new Promise((resolve, reject) => net.connect(${port}, '127.0.0.1', resolve).on('error', reject))`,
    ),
    /ECONNREFUSED|ENETUNREACH/,
  )
  t.match(
    await attack(`fetch('http://169.254.169.254/').catch((error) => { throw error.cause })`),
    /ENETUNREACH/,
  )
  t.match(await attack(`fs.writeFileSync('/tmp/mine', 'allowed')`), 'done')
  t.match(
    await attack(`fs.readFileSync('/proc/self/status', 'utf8').match(/CapEff:\\s*(\\w+)/)[1]`),
    '0000000000000000',
  )
})

t.test('limits end what takes too much', { skip }, async (t) => {
  t.match(await attack(`fs.writeFileSync('/tmp/big', Buffer.alloc(80 << 20))`), /ENOSPC|EFBIG/)
  script('const held = []; setInterval(() => held.push(Buffer.alloc(64 << 20, 1)), 1)')
  const greedy = await sandbox.spawnServer(runtime, plain, {})
  const { code, signal } = await greedy.exited
  t.ok(code !== 0 || signal !== null, 'it is ended')
})

t.test('only declared variables and named secrets arrive', { skip }, async (t) => {
  script('process.stdout.write(JSON.stringify(process.env))')
  const configuration = { ...plain, environment: { A: '1' }, secretNames: ['TOKEN'] }
  const child = await sandbox.spawnServer(runtime, configuration, { TOKEN: 's', OTHER: 'x' })
  const environment = JSON.parse(await outputOf(child))
  t.same(Object.keys(environment).sort(), ['A', 'HOME', 'PATH', 'PWD', 'TMPDIR', 'TOKEN'])
})

t.test('secrets are in no command line', { skip }, async (t) => {
  script('setInterval(() => {}, 1000); process.stdout.write("up")')
  const configuration = { ...plain, secretNames: ['TOKEN'] }
  const child = await sandbox.spawnServer(runtime, configuration, { TOKEN: 'canary-1234' })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  t.notMatch(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), 'canary')
  t.notMatch(readFileSync(`/proc/${child.pid}/environ`, 'utf8'), 'canary')
  await child.kill()
})

t.test('a value cannot become an option of the sandbox', { skip }, async (t) => {
  const environment = { A: '1\0--bind\0/\0/host' }
  await t.rejects(sandbox.spawnServer(runtime, { ...plain, environment }, {}), RangeError)
})

t.test('a directory outside of the servers is not started', { skip }, async (t) => {
  const outside = { ...runtime, directory: '../..' }
  await t.rejects(sandbox.spawnServer(outside, plain, {}), /elsewhere/)
})

t.test('killing takes all that it started', { skip }, async (t) => {
  script(`require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(()=>{},1e3)'],
    { detached: true, stdio: 'ignore' }); process.stdout.write('up'); setInterval(() => {}, 1000)`)
  const child = await sandbox.spawnServer(runtime, plain, {})
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const family = descendants(child.pid)
  t.ok(family.length >= 2, 'it has children')
  await child.kill()
  await waitFor('all of them to be gone', () => family.every((pid) => !isAlive(pid)))
})

t.test('nothing outlives this program, even killed', { skip }, async (t) => {
  script('process.stdout.write("up"); setInterval(() => {}, 1000)')
  const program = spawn(
    process.execPath,
    nodeArguments(import.meta.resolve('../../support/sandbox-holder.ts'), dataDir),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, RUNTIME: JSON.stringify(runtime) },
    },
  )
  const pid = Number(await new Promise((resolve) => program.stdout.once('data', resolve)))
  const family = [pid, ...descendants(pid)]
  t.ok(family.every(isAlive))
  program.kill('SIGKILL')
  // A busy machine gets three times the second.
  await waitFor('no orphan', () => family.every((one) => !isAlive(one)), 3_000)
})

t.test('without bubblewrap nothing is started', async (t) => {
  const none = await createSandbox({ dataDir, setting: 'auto', bwrap: '/nowhere/bwrap' })
  t.match(none.status, { available: false, reason: /bubblewrap/ })
  await t.rejects(none.spawnServer(runtime, plain, {}), SandboxUnavailableError)
})

t.test('a bubblewrap that does not work is no sandbox', async (t) => {
  const broken = await createSandbox({ dataDir, setting: 'auto', bwrap: '/bin/false' })
  t.match(broken.status, { available: false })
})

t.test('only the operator can do without a sandbox', async (t) => {
  const open = await createSandbox({ dataDir, setting: 'none' })
  t.same(open.status, { available: true, kind: 'none' })
  script('process.stdout.write(JSON.stringify(process.env))')
  const child = await open.spawnServer(runtime, { ...plain, environment: { A: '1' } }, {})
  const environment = JSON.parse(await outputOf(child))
  t.equal(environment.A, '1')
  t.equal(environment.TEST_POSTGRES_URL, undefined)
})

function descendants(pid: number): number[] {
  const children = childrenOf(pid)
  return [...children, ...children.flatMap(descendants)]
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** A process that is only waiting to be buried is not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
