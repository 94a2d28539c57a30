import t from 'tap'
import { freePort } from '../../../scripts/stack/free-port.ts'
import { listAddress } from '../../../services/kernel/addresses.ts'
import { serve } from '../../support/answering.ts'
import { tidemark } from '../../support/cli.ts'

/** The number of no process: Linux gives none above 2^22. */
const NOBODY = 2 ** 22 + 1

t.test('help is help, a wrong call is one sentence and exit code 2', async (t) => {
  const help = await tidemark(['--help'])
  t.match(help, { code: 0, stdout: /Usage: tidemark/ })
  const wrong = await tidemark(['keys', 'revoke'])
  t.match(wrong, { code: 2, stdout: '', stderr: /missing required argument 'key-id'/ })
  const address = await tidemark(['keys', '--url', 'ftp://x'])
  t.match(address, { code: 2, stderr: '"ftp://x" is not an http address.\n' })
  const key = await tidemark(['keys', '--url', 'http://x', '--key-file', '/not/there'])
  t.match(key, { code: 2, stderr: 'There is no API key in /not/there.\n' })
})

t.test('what cannot be served is one sentence a fault and exit code 2', async (t) => {
  const help = await tidemark(['serve', '--help'])
  t.match(help, { code: 0, stdout: /--roles <list>[\s\S]*projector +the log to the read models/ })
  const environment = {
    DATABASE_URL: 'postgres://app@127.0.0.1/tidemark',
    NATS_URL: 'nats://127.0.0.1:4222',
    TIDEMARK_ROLES: 'api',
  }
  const rule = 'must be a list of api, gateway, relay, projector, reactors, jobs, with commas.'
  for (const roles of ['api,worker', ''])
    t.match(await tidemark(['serve', '--roles', roles], environment), {
      code: 2,
      stdout: '',
      stderr: `--roles ${rule}\n`,
    })
  const wrong = { ...environment, TIDEMARK_ROLES: 'worker', NATS_URL: '' }
  t.match(await tidemark(['serve'], wrong), {
    code: 2,
    stderr: /^NATS_URL is not set: .*\nTIDEMARK_ROLES must be a list of .*\n$/,
  })
})

t.test('where nothing runs or answers, the exit code is 4', async (t) => {
  const nowhere = await tidemark(['keys'], { DATA_DIR: t.testdir() })
  t.match(nowhere, {
    code: 4,
    stdout: '',
    stderr: /^No Tidemark runs here: start one with `make up`/,
  })
  const url = `http://127.0.0.1:${await freePort()}`
  const silent = await tidemark(['keys'], { TIDEMARK_URL: url })
  t.match(silent, { code: 4, stderr: `Nothing answers at ${url}: is Tidemark running?\n` })
})

t.test('the address and the key of what runs here are found by themselves', async (t) => {
  const asked: string[] = []
  const answering = (name: string) =>
    serve(t, ({ url, headers }, response) => {
      asked.push(`${name} ${url} ${headers.authorization}`)
      response.setHeader('content-type', 'application/json')
      response.end('{"items":[]}')
    })
  const DATA_DIR = t.testdir({ 'first-api-key': 'the-key\n' })
  const list = async (roles: readonly string[], pid = process.pid) =>
    listAddress(DATA_DIR, { address: await answering(roles.join()), roles, pid })
  await list(['projector'])
  await list(['gateway'])
  t.match(await tidemark(['keys'], { DATA_DIR }), { code: 4, stderr: /^No Tidemark runs here/ })
  await list(['api', 'jobs'])
  await list(['api'], NOBODY)
  t.match(await tidemark(['keys', '--json'], { DATA_DIR }), { code: 0, stderr: '' })
  await tidemark(['call', '11111111-1111-4111-8111-111111111111', 'echo'], { DATA_DIR })
  t.match(asked, [/^api,jobs \/v1\/keys.* Bearer the-key$/, /^gateway \/mcp\/11111111/])
})

t.test('a refusal is its own sentence and exit code 3, or a problem as JSON', async (t) => {
  const problem = {
    status: 404,
    code: 'source-not-found',
    detail: 'There is no source "\u001b[31mx".',
  }
  const url = await serve(t, (_request, response) => {
    response.writeHead(404, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify(problem))
  })
  const refused = await tidemark(['sources', 'remove', 'x', '--url', url])
  t.match(refused, { code: 3, stdout: '' })
  t.equal(refused.stderr, 'There is no source "\\u{1b}[31mx".\n')
  const json = await tidemark(['sources', 'remove', 'x', '--url', url, '--json'])
  t.equal(json.code, 3)
  t.same(JSON.parse(json.stderr), problem)
})

t.test('a server that is too busy for a moment is asked again', async (t) => {
  let asked = 0
  const url = await serve(t, (_request, response) => {
    asked += 1
    if (asked === 1) {
      response.writeHead(503, { 'content-type': 'application/problem+json' })
      response.end('{"status":503,"code":"overloaded","detail":"Too much is going on; retry."}')
    } else response.end('{"items":[]}')
  })
  t.match(await tidemark(['keys', '--url', url]), { code: 0, stderr: '' })
  t.equal(asked, 2)
})

function event(position: number): string {
  const text = { type: 'T', time: 't', subject: 's', actorid: 'a', data: {} }
  return `id: ${position}\ndata: ${JSON.stringify({ ...text, position: String(position) })}\n\n`
}

t.test('a tail with a limit ends by itself while its stream stays open', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.setHeader('content-type', 'text/event-stream')
    response.write([5, 6, 7].map(event).join(''))
  })
  const tail = (limit: string) => tidemark(['events', 'tail', '--limit', limit, '--url', url])
  const { code, stdout } = await tail('2')
  t.equal(code, 0)
  t.equal(stdout.trim().split('\n').length, 2)
  t.match(await tail('none'), { code: 2, stderr: '--limit is a whole number, at least 1.\n' })
})

t.test('why tells an event below its causes and above its effects', async (t) => {
  const told = (type: string, position: string) => ({
    ...{ type, position, time: 'now', subject: 's' },
    ...{ effects: [] as unknown[], more: false },
  })
  const url = await serve(t, ({ url: path }, response) => {
    t.equal(path, '/v1/events/7/why')
    response.setHeader('content-type', 'application/json')
    const last = { ...told('D', '9'), more: true }
    response.end(
      JSON.stringify({
        ...{ event: told('B', '7'), causes: [told('A', '5')], more: false },
        began: { id: 'r', actorid: 'key:ann' },
        effects: [{ ...told('C\u001b', '8'), effects: [last] }],
      }),
    )
  })
  const { stdout } = await tidemark(['why', '7', '--url', url])
  t.same(stdout.split('\n'), [
    'key:ann, request or run r',
    '  └ A  s  now  #5',
    '*   └ B  s  now  #7',
    '      └ C\\u{1b}  s  now  #8',
    '        └ D  s  now  #9',
    '          └ … and more: ask why of the event above',
    '',
  ])
})

t.test('what is no Tidemark is said to be none', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(500).end('<html>oops')
  })
  t.match(await tidemark(['sources', '--url', url]), {
    code: 1,
    stderr: /answered 500; it does not look like a Tidemark/,
  })
})

t.test(
  'a broken event stream is taken up after the last event, without gap or repeat',
  async (t) => {
    const asked: (string | null)[] = []
    const url = await serve(t, (request, response) => {
      asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('after'))
      response.setHeader('content-type', 'text/event-stream')
      if (asked.length === 1) {
        response.write('id: 4\n\n')
        response.write(event(5), () => response.destroy())
      } else if (asked.length === 2) {
        response.end(`${event(6)}id: 9\n\n`)
      } else if (asked.length === 3) {
        response.writeHead(503, { 'content-type': 'application/problem+json' })
        response.end('{"status":503,"code":"unavailable","detail":"A server is down."}')
      } else {
        response.writeHead(403, { 'content-type': 'application/problem+json' })
        response.end('{"status":403,"code":"missing-scope","detail":"No more."}')
      }
    })
    const { code, stdout, stderr } = await tidemark(['events', 'tail', '--json', '--url', url])
    t.equal(code, 3)
    t.match(stderr, 'No more.')
    const seen = stdout.trim().split('\n')
    t.same(
      seen.map((line) => JSON.parse(line).position),
      ['5', '6'],
    )
    t.same(asked, [null, '5', '9', '9'])
  },
)
