import t from 'tap'
import { serve } from '../../support/answering.ts'
import { tidemark } from '../../support/cli.ts'

t.test('a quarantined server is shown as that, and how to let it start again', async (t) => {
  const quarantine = { since: '2026-01-03', failures: 5, cause: 'It ended with code 3.' }
  const installed = {
    ...{ installationId: 'aaaa1111-bbbb', server: 'io.example/tides', status: 'installed' },
    ...{ requestedVersion: '1.0.0', tools: ['echo'], versions: ['1.0.0'], quarantine },
  }
  const asked: string[] = []
  const url = await serve(t, ({ method, url: path = '' }, response) => {
    asked.push(`${method} ${path}`)
    response.setHeader('content-type', 'application/json')
    const list = path.startsWith('/v1/installations?')
    response.end(JSON.stringify(list ? { items: [installed] } : installed))
  })
  const run = (...args: string[]) => tidemark([...args, '--url', url])
  t.match((await run('list')).stdout, /aaaa1111 +io\.example\/tides +1\.0\.0 +quarantined/)
  t.match(await run('show', 'tides'), {
    code: 0,
    stdout:
      /status +quarantined\nquarantine +since 2026-01-03, after 5 failures: It ended with code 3\.\n(.*\n)*.*tidemark lift aaaa1111/,
  })
  t.match(await run('lift', 'tides'), { code: 0, stdout: /^tides may start again/ })
  t.equal(asked.at(-1), 'POST /v1/installations/aaaa1111-bbbb/quarantine/lift')
})

t.test('an update takes what a new version needs', async (t) => {
  const installed = { installationId: 'aaaa1111', server: 'a/b', requestedVersion: '1.0.0' }
  let body = ''
  const url = await serve(t, (request, response) => {
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      const now = { ...installed, status: 'installed', tools: [], stages: [], position: '1' }
      response.end(JSON.stringify({ ...now, items: [now] }))
    })
  })
  const settings = ['--env', 'PLAN=pro', '--secret', 'TOKEN']
  const done = await tidemark(['update', 'b', ...settings, '--url', url], { TOKEN: 'hush' })
  t.equal(done.code, 0, done.stderr)
  t.same(JSON.parse(body), {
    configuration: { environment: { PLAN: 'pro' }, secrets: { TOKEN: 'hush' } },
  })
})

t.test('a server may be called by what follows the last / of its name', async (t) => {
  const installed = (installationId: string, server: string) => ({
    ...{ installationId, server, status: 'installed', requestedVersion: '1.0.0', tools: [] },
  })
  const answers: Readonly<Record<string, unknown>> = {
    '/v1/installations': {
      items: [
        installed('aaaa1111', 'io.example/tides'),
        installed('bbbb2222', 'io.example/moon'),
        installed('cccc3333', 'org.example/moon'),
        installed('dddd4444', 'org.example/low-tides'),
      ],
    },
    '/v1/services/search': {
      data: [{ name: 'io.example/tides' }, { name: 'a.b/sun' }, { name: 'c.d/sun' }],
    },
    '/v1/analytics/services/io.example%2Ftides': {
      ...{ serviceId: 'io.example/tides', from: 'a', to: 'b', tools: [] },
      total: { calls: 1, errors: 0, p50Ms: 1, p95Ms: 1, p99Ms: 1 },
    },
  }
  const asked: string[] = []
  const url = await serve(t, ({ url: path = '' }, response) => {
    const [name = ''] = path.split('?')
    asked.push(name)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(answers[name] ?? { version: '1.0.0' }))
  })
  const run = (...args: string[]) => tidemark([...args, '--url', url])

  t.match(await run('rollback', 'tides'), { code: 0, stderr: '' })
  t.equal(asked.at(-1), '/v1/installations/aaaa1111/rollback')
  const several = await run('rollback', 'moon')
  t.equal(several.code, 2)
  t.equal(
    several.stderr,
    '"moon" can mean any of these:\n  bbbb2222 io.example/moon 1.0.0\n  cccc3333 org.example/moon 1.0.0\n',
  )
  t.match(await run('rollback', 'org.example/moon'), { code: 0 })
  t.match(await run('rollback', 'bbbb'), { code: 0 })
  t.match(await run('rollback', 'ides'), { code: 3, stderr: /^Nothing installed is called "ides"/ })

  t.match(await run('stats', 'tides'), { code: 0, stdout: /^io\.example\/tides/ })
  t.match(await run('install', 'sun@1.0.0'), { code: 2, stderr: /a\.b\/sun\n {2}c\.d\/sun\n$/ })
})

t.test('where no terminal is, each stage of an installation is one line', async (t) => {
  const server = { server: 'a/b', requestedVersion: '1.0.0', version: '1.0.0', tools: [] }
  const states = ['verify', 'verify', 'clean', 'verify', 'clean'].map((stage) => ({
    ...{ ...server, status: 'installing', stages: [{ stage, status: 'running' }] },
  }))
  const url = await serve(t, (_request, response) => {
    response.setHeader('content-type', 'application/json')
    const now = states.shift() ?? { ...server, status: 'installed', stages: [] }
    response.end(JSON.stringify({ installationId: 'i', position: '1', ...now }))
  })
  const { code, stdout, stderr } = await tidemark(['install', 'a/b', '--url', url])
  t.equal(code, 0, stderr)
  t.match(stdout, /^\S+ Installing a\/b\n.*: verify\n.*: clean\n\S+ a\/b 1\.0\.0 is active/)
})
