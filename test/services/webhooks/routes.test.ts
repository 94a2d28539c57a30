import t, { type Test } from 'tap'
import { SCOPES } from '../../../domain/identity/scopes.ts'
import { waitFor } from '../../support/wait-for.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'
import { webhookWorld } from '../../support/webhook-world.ts'

const HOOKS = '/v1/webhooks'
const UNKNOWN = `${HOOKS}/11111111-1111-4111-8111-111111111111`

async function refused(
  world: Awaited<ReturnType<typeof webhookWorld>>,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  payload?: object,
) {
  const answer = await world.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
  return { status: answer.statusCode, code: answer.json().code }
}

t.test('a webhook is registered, looked at, changed and removed', async (t) => {
  const world = await webhookWorld(t)
  const { secret, path } = await world.register('http://127.0.0.1:9/hook', {
    types: ['ServerInstalled'],
  })
  t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const shown = await world.send('GET', path)
  t.match(shown, { status: 'enabled', types: ['ServerInstalled'], deliveries: { owed: 0 } })
  t.match(await world.send('GET', HOOKS), { items: [{ url: 'http://127.0.0.1:9/hook' }] })

  const changes = { url: 'http://127.0.0.1:9/new', types: [], name: 'Bot', enabled: false }
  const { position = '' } = await world.send('PATCH', path, changes)
  const changed = await world.send('GET', `${path}?atLeast=${position}`)
  t.match(changed, { url: 'http://127.0.0.1:9/new', types: [], name: 'Bot', status: 'paused' })

  const removed = await world.send('DELETE', path)
  const gone = await refused(world, 'GET', `${path}?atLeast=${removed.position}`)
  t.same(gone, { status: 404, code: 'webhook-not-found' })
  t.same((await world.send<{ items: unknown[] }>('GET', HOOKS)).items, [])
})

t.test('the secret is shown once and is nowhere else', async (t) => {
  const world = await webhookWorld(t)
  const { secret, path } = await world.register('http://127.0.0.1:9/')
  const rotated = await world.send('POST', `${path}/rotate-secret`)
  t.match(rotated.secret, /^whsec_/)
  t.not(rotated.secret, secret)
  await waitFor(
    'the read model',
    async () => ((await world.send('GET', path)) as { secretRotatedAt?: string }).secretRotatedAt,
  )
  for (const url of [path, HOOKS])
    t.notMatch(JSON.stringify(await world.send('GET', url)), /whsec_/)
  const { rows } = await world.pool.query(
    `select coalesce(string_agg(data || metadata, ''), '') as text from log.events`,
  )
  for (const each of [secret, rotated.secret ?? '']) {
    t.notMatch(rows[0].text, each.slice('whsec_'.length))
    const stored = await world.pool.query('select box from ops.secrets')
    t.ok(stored.rows.every(({ box }) => !box.toString('latin1').includes(each)))
  }
})

t.test('an address that the operator does not allow is refused', async (t) => {
  const world = await webhookWorld(t, { allowPrivate: false })
  const wrong = [
    'http://hooks.example.org/',
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://2130706433/',
    'https://169.254.169.254/latest/meta-data',
    'https://user:password@hooks.example.org/',
    'ftp://hooks.example.org/',
    'hooks.example.org',
  ]
  for (const url of wrong)
    t.same(
      await refused(world, 'POST', HOOKS, { url }),
      { status: 422, code: 'webhook-address-refused' },
      url,
    )
  const { path } = await world.register('https://hooks.example.org/')
  t.match(await refused(world, 'PATCH', path, { url: wrong[1] }), { status: 422 })
})

t.test('a name that leads into a private network is not dialled', async (t) => {
  const world = await webhookWorld(t, { allowPrivate: false })
  const receiver = await startReceiver(t)
  const { path } = await world.register(
    receiver.url.replace(/^http:..127.0.0.1/, 'https://localhost'),
  )
  const { attempt } = await world.send<{ attempt: object }>('POST', `${path}/test`)
  t.match(attempt, { outcome: 'address-refused' })
  world.start()
  await world.happen(1)
  await waitFor('the refusal', async () =>
    (await world.deliveries(path)).some(
      ({ lastAttempt }) => lastAttempt?.outcome === 'address-refused',
    ),
  )
  t.same(receiver.messages, [])
})

t.test('a test message is sent once, and its outcome is the answer', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  const { path } = await world.register(receiver.url)
  const answer = await world.send<{ eventId: string }>('POST', `${path}/test`)
  t.match(answer, { attempt: { outcome: 'delivered', status: 204 } })
  t.match(receiver.messages, [
    { event: { id: answer.eventId, type: 'WebhookTest', position: '0' } },
  ])
  receiver.answer((response) => response.writeHead(418).end('tea\u0000pot'))
  t.match(await world.send('POST', `${path}/test`), {
    attempt: { outcome: 'refused', status: 418, answer: 'teapot' },
  })
})

t.test('what makes no sense is a problem', async (t) => {
  const world = await webhookWorld(t)
  const { path } = await world.register('http://127.0.0.1:9/')
  const cases: [Parameters<typeof refused>[1], string, object | undefined, number, string][] = [
    ['POST', HOOKS, {}, 422, 'invalid-body'],
    ['POST', HOOKS, { url: 'x'.repeat(2_001) }, 422, 'invalid-body'],
    ['POST', HOOKS, { url: 'http://127.0.0.1/', types: ['Nonsense'] }, 422, 'unknown-event-type'],
    [
      'POST',
      HOOKS,
      { url: 'http://127.0.0.1/', types: ['WebhookPaused'] },
      422,
      'event-type-not-sent',
    ],
    ['POST', HOOKS, { url: 'http://127.0.0.1/', secret: 'mine' }, 422, 'invalid-body'],
    ['PATCH', path, {}, 422, 'invalid-body'],
    ['PATCH', path, { types: ['toString'] }, 422, 'unknown-event-type'],
    ['PATCH', UNKNOWN, { enabled: false }, 404, 'webhook-not-found'],
    ['GET', `${HOOKS}/x`, undefined, 400, 'invalid-parameters'],
    ['GET', `${UNKNOWN}/deliveries`, undefined, 404, 'webhook-not-found'],
    ['GET', `${path}/deliveries?cursor=x`, undefined, 400, 'bad-cursor'],
    ['DELETE', UNKNOWN, undefined, 404, 'webhook-not-found'],
    ['POST', `${UNKNOWN}/test`, undefined, 404, 'webhook-not-found'],
    ['POST', `${UNKNOWN}/rotate-secret`, undefined, 404, 'webhook-not-found'],
    ['POST', `${path}/rotate-secret`, { overlapSeconds: -1 }, 422, 'invalid-body'],
    ['POST', `${UNKNOWN}/replay`, {}, 404, 'webhook-not-found'],
    ['POST', `${path}/replay`, { after: '9', through: '3' }, 422, 'invalid-replay'],
    ['POST', `${path}/replay`, { after: '9'.repeat(19) }, 422, 'invalid-body'],
    [
      'POST',
      `${path}/replay`,
      { eventId: UNKNOWN.slice(HOOKS.length + 1) },
      404,
      'delivery-not-found',
    ],
  ]
  for (const [method, url, body, status, code] of cases)
    t.same(
      await refused(world, method, url, body),
      { status, code },
      `${method} ${url} ${JSON.stringify(body)}`,
    )
})

t.test('who may register one may read events, and nobody sees those of others', async (t: Test) => {
  const world = await webhookWorld(t)
  const register = { method: 'POST', url: HOOKS, payload: { url: 'http://127.0.0.1:9/' } } as const
  for (const missing of ['audit:read', 'operations:write'] as const) {
    const scopes = SCOPES.filter((scope) => scope !== missing)
    const answer = await world.inject(register, { scopes })
    t.match({ status: answer.statusCode, ...answer.json() }, { status: 403, code: 'missing-scope' })
  }
  const { path } = await world.register('http://127.0.0.1:9/')
  const foreign = { tenantId: 'other' }
  for (const [method, url] of [
    ['GET', path],
    ['DELETE', path],
    ['GET', `${path}/deliveries`],
    ['POST', `${path}/test`],
    ['POST', `${path}/rotate-secret`],
  ] as const)
    t.equal((await world.inject({ method, url }, foreign)).statusCode, 404, `${method} ${url}`)
  t.same((await world.inject({ url: HOOKS }, foreign)).json().items, [])
})

t.test('there are at most a hundred', async (t) => {
  const world = await webhookWorld(t)
  await world.pool.query(
    `insert into read.webhooks select 'acme', 'w' || n, '', '', '{}', 'enabled', null, null, now(), null, null
     from generate_series(1, 100) n`,
  )
  t.same(await refused(world, 'POST', HOOKS, { url: 'http://127.0.0.1/' }), {
    status: 409,
    code: 'too-many-webhooks',
  })
})
