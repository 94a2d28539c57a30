import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { emptyDatabase } from '../support/database.ts'
import { freshNats } from '../support/nats.ts'
import { startTidemark } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'

// Everything that docs/subscribing.md says to type or to write, as it stands there.
t.setTimeout(240_000)

const ROOT = path.resolve(import.meta.dirname, '../..')
const document = readFileSync(path.join(ROOT, 'docs/subscribing.md'), 'utf8')

function blocks(section: string, language: 'sh' | 'js'): readonly string[] {
  const [, text = ''] = document.split(`\n## ${section}`)
  const [own = ''] = text.split('\n## ')
  const fence = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms')
  const found = [...own.matchAll(fence)].map(([, block = '']) => block)
  if (found.length === 0) throw new Error(`"${section}" has nothing in ${language}.`)
  return found
}

const database = await emptyDatabase(t)
const nats = await freshNats(t)
const { address, key } = await startTidemark(t, {
  ...{ databaseUrl: database.appUrl, databaseOwnerUrl: database.ownerUrl, natsUrl: nats.url },
  environment: { SANDBOX: 'none' },
})

/** Runs until `wanted` is in its output. */
async function prints(t: Test, command: readonly string[], input: string, wanted: RegExp) {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    cwd: ROOT,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, KEY: key, URL: address },
      ...{ TIDEMARK_URL: address, TIDEMARK_API_KEY: key, NATS_URL: nats.url },
    },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString('utf8')
    })
  child.stdin.end(input)
  await waitFor('the output', () => wanted.test(output), 60_000).catch(() => {})
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  t.match(output, wanted)
}

const shell = (t: Test, section: string, wanted: RegExp) =>
  Promise.all(blocks(section, 'sh').map((lines) => prints(t, ['bash', '-e'], lines, wanted)))

const script = (t: Test, section: string, call: string, wanted: RegExp) =>
  prints(
    t,
    [process.execPath, '--experimental-websocket', '--input-type=module'],
    `${blocks(section, 'js').join('\n')}\n${call}`,
    wanted,
  )

t.test('filters', (t) => shell(t, 'Filters', /ApiKeyIssued/))
t.test('pages', (t) => shell(t, 'Pages', /"nextAfter":"\d+"/))
t.test('server-sent events', (t) => shell(t, 'Server-sent', /^id: \d+\ndata: .*TenantCreated/m))

t.test('a WebSocket', async (t) => {
  const call = `follow(process.env.URL, process.env.KEY, '0', ({ type }) => console.log('got', type))`
  await script(t, 'WebSocket', call, /got TenantCreated(.|\n)*got ApiKeyIssued/)
})

t.test('JetStream', async (t) => {
  const call = `follow(process.env.NATS_URL, 'docs', async ({ type }) => console.log('got', type))`
  await script(t, 'NATS JetStream', call, /got TenantCreated(.|\n)*got ApiKeyIssued/)
})

t.test('the subscriber', async (t) => {
  const state = path.join(t.testdir(), 'count.json')
  const command = ['env', `SUBSCRIBER_STATE=${state}`, 'make', '-s', 'subscriber']
  await prints(t, command, '', /Counted up to position \d+/)
  t.match(JSON.parse(readFileSync(state, 'utf8')), { counts: { TenantCreated: 1 } })
})
