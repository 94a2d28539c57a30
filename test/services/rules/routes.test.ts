import t from 'tap'
import { SCOPES } from '../../../domain/identity/scopes.ts'
import { ruleWorld } from '../../support/rule-world.ts'

const world = await ruleWorld(t)
const { send } = world
const rule = { name: 'Errors', on: ['ToolCalled'], condition: "event.data.outcome != 'ok'" }
const without = (missing: string) => ({ scopes: SCOPES.filter((scope) => scope !== missing) })

t.test(
  'a rule is defined, revised, switched on and off, and removed; its versions stay',
  async (t) => {
    const defined = await send('POST', '/v1/rules', rule)
    t.match(defined, { status: 201, body: { version: 1 } })
    const url = `/v1/rules/${defined.body.ruleId}`
    t.same((await send('POST', '/v1/rules', rule)).body, defined.body, 'again, nothing changes')
    t.match(await send('POST', '/v1/rules', { ...rule, priority: 1 }), {
      ...{ status: 409, body: { code: 'rule-exists' } },
    })
    const revised = await send('PUT', url, { ...rule, priority: 1 })
    t.match(revised, { status: 200, body: { version: 2 } })
    const on = await send('POST', `${url}/enable`)
    t.match((await send('GET', `${url}?atLeast=${on.body.position}`)).body, {
      ...{ version: 2, status: 'on', author: 'tester' },
      settings: { ...rule, priority: 1, budgetPerMinute: 60, stopAfter: false, actions: [] },
      versions: [{ version: 2 }, { version: 1, settings: { priority: 0 } }],
    })
    const removed = await send('DELETE', url)
    t.match(await send('GET', `${url}?atLeast=${removed.body.position}`), { status: 404 })
    for (const [method, what] of [
      ['POST', 'enable'],
      ['GET', 'evaluations'],
      ['GET', 'actions'],
    ] as const)
      t.match(await send(method, `${url}/${what}`), {
        ...{ status: 404, body: { code: 'rule-not-found' } },
      })
  },
)

t.test('of two that revise the same version the second is told', async (t) => {
  const { body } = await send('POST', '/v1/rules', { ...rule, name: 'Contended' })
  const revise = async (priority: number) => {
    const answer = await world.inject({
      ...{ method: 'PUT', url: `/v1/rules/${body.ruleId}`, headers: { 'if-match': '"1"' } },
      payload: { ...rule, name: 'Contended', priority },
    })
    return answer.json()
  }
  t.match(await revise(1), { version: 2 })
  t.match(await revise(2), { code: 'rule-changed' })
})

t.test('a condition that does not compile is shown with a caret', async (t) => {
  const condition = "event.data.outcom != 'ok'"
  const answer = await send('POST', '/v1/rules', { ...rule, name: 'Wrong', condition })
  t.match(answer, { status: 422, body: { code: 'rule-condition-invalid' } })
  t.match(answer.body.detail, /line 1, column 12.*\nevent\.data\.outcom != 'ok'\n +\^+/)
  t.match(answer.body.errors, [{ pointer: '/body/condition' }])
  for (const wrong of ["event.data.tool.matches('(a+')", 'event.data.tool < 3', 'x'.repeat(4_097)])
    t.equal((await send('POST', '/v1/rules', { ...rule, condition: wrong })).status, 422)
  for (const type of ['RulesEvaluated', 'Nothing', 'custom.', 'custom.a b', 'custom.paid'])
    t.match(await send('POST', '/v1/rules', { ...rule, on: [type] }), { status: 422 }, type)
  for (const name of ['', 'a\u0000b', '\ud800', 'two\nlines'])
    t.match(await send('POST', '/v1/rules', { ...rule, name }), {
      ...{ status: 422, body: { errors: [{ pointer: '/body/name' }] } },
    })
})

t.test('a condition about a type of one’s own has to fit its schema', async (t) => {
  const register = (name: string, schema: object) =>
    send('POST', '/v1/custom-events/types', { name, schema: { type: 'object', ...schema } })
  await register('Paid', {
    properties: {
      amount: { type: 'integer' },
      at: { type: 'string', format: 'date-time' },
      lines: {
        type: 'array',
        items: { type: 'object', properties: { text: { type: 'string' } } },
      },
      more: { type: 'object', additionalProperties: true, properties: { a: { type: 'string' } } },
      either: { type: ['string', 'null'] },
    },
    required: ['amount'],
  })
  await register('Open', { additionalProperties: { type: 'number' } })
  const accepted = [
    'event.data.amount > 5 && event.data.amount + 1.0 == 7.0',
    "event.data.lines.exists(line, line.text.contains('x'))",
    "event.data.at.startsWith('2026') && has(event.data.more.b)",
    'event.data.either == null',
    "sum('custom.Paid', '1h', it.amount) > 100.0",
    "count('custom.Unregistered', '1h', it.what == 1.0) > 1",
  ]
  const refused = {
    'event.data.amuont > 5': 12,
    'event.data.amount + 1 == 7': 1,
    "event.data.amount.startsWith('5')": 1,
    'event.data.lines.exists(line, line.txt == "")': 36,
    "sum('custom.Paid', '1h', it.amuont) > 100.0": 29,
    "count('custom.Open', '1h', it.a == 'x') > 1": 28,
  }
  const on = ['custom.Paid']
  for (const [index, condition] of accepted.entries()) {
    const body = { name: `Own ${index}`, on, condition }
    t.match(await send('POST', '/v1/rules', body), { status: 201 }, condition)
    t.match(await send('POST', '/v1/rules/preview', { settings: body }), { status: 200 }, condition)
  }
  for (const [condition, column] of Object.entries(refused)) {
    const { status, body } = await send('POST', '/v1/rules', { name: 'Wrong', on, condition })
    t.match({ status, code: body.code }, { status: 422, code: 'rule-condition-invalid' }, condition)
    t.match(body.detail, new RegExp(`^condition, line 1, column ${column}: .*\n.*\n *\\^`))
  }
  const other = { name: 'Own', on, condition: 'event.data.amuont > 5' }
  t.match(await send('POST', '/v1/rules', other, { tenantId: 'another' }), { status: 201 })
})

t.test('an author gives no command that his key may not', async (t) => {
  const sync = { kind: 'command', command: 'sync', parameters: { sourceId: 'a' } }
  const body = { ...rule, name: 'Sync', actions: [sync] }
  t.match(await send('POST', '/v1/rules', body, without('sources:write')), {
    ...{ status: 403, body: { code: 'scope-not-held' } },
  })
  t.match(await send('POST', '/v1/rules', { ...body, actions: [{ ...sync, command: 'rm' }] }), {
    ...{ status: 422, body: { code: 'unknown-command' } },
  })
  const webhookId = '11111111-1111-4111-8111-111111111111'
  const call = { kind: 'webhook', webhookId, parameters: {} }
  t.match(await send('POST', '/v1/rules', { ...body, actions: [call] }), {
    ...{ status: 422, body: { code: 'webhook-not-found' } },
  })
  t.match(await send('POST', '/v1/rules', body, without('rules:write')), { status: 403 })
  t.match(await send('GET', '/v1/rules', undefined, without('rules:read')), { status: 403 })
})

t.test('parameters of an action are checked as far as they are known', async (t) => {
  const installationId = '11111111-1111-4111-8111-111111111111'
  const computed = { cel: 'event.data.installationId' }
  const cases: readonly (readonly [string, object, readonly object[]])[] = [
    ['sync', { sourceId: 'a' }, []],
    ['sync', {}, [{ pointer: '/sourceId', detail: /required/ }]],
    ['sync', { sourceID: 'a' }, [{ pointer: '/sourceId' }, { pointer: '/sourceID' }]],
    ['sync', { sourceId: 5 }, [{ pointer: '/sourceId', detail: 'must be string' }]],
    ['sync', { sourceId: { cel: 'event.data.durationMs' } }, [{ pointer: '/sourceId' }]],
    ['sync', { sourceId: { cel: "has(event.data.tool) ? 'a' : event.data.tool" } }, []],
    ['sync', { sourceId: 'a', acceptShrink: { cel: "event.data.tool == 'x'" } }, []],
    ['sync', { sourceId: 'a', acceptShrink: 'yes' }, [{ pointer: '/acceptShrink' }]],
    ['lift-quarantine', { installationId }, []],
    ['lift-quarantine', { installationId: computed }, []],
    ['lift-quarantine', { installationId: 'x' }, [{ pointer: '/installationId' }]],
    [
      'lift-quarantine',
      { installationId: { cel: '[event.data.tool]' } },
      [{ pointer: '/installationId' }],
    ],
    ['emit-custom-event', { name: 'Paid', data: { of: computed, n: { cel: '1' } } }, []],
    ['emit-custom-event', { name: 'Paid', data: [computed] }, [{ pointer: '/data' }]],
    ['emit-custom-event', { name: 'paid', data: {} }, [{ pointer: '/name' }]],
  ]
  for (const [index, [command, parameters, errors]] of cases.entries()) {
    const action = { kind: 'command', command, parameters }
    const { status, body } = await send('POST', '/v1/rules', {
      ...{ ...rule, name: `Parameters ${index}`, actions: [action] },
    })
    const said = JSON.stringify({ command, parameters })
    t.equal(status, errors.length === 0 ? 201 : 422, said)
    const within = (pointer: string) => pointer.replace('/body/actions/0/parameters', '')
    t.match(
      (body.errors ?? []).map(({ pointer, detail }: { pointer: string; detail: string }) => ({
        pointer: within(pointer),
        detail,
      })),
      errors,
      said,
    )
    if (status === 422) t.equal(body.code, 'rule-parameters-invalid')
  }
})

t.test('lists are in pages, and of one tenant', async (t) => {
  const tenant = { tenantId: 'pages' }
  let at = '0'
  for (const name of ['a', 'b', 'c'])
    at = (await send('POST', '/v1/rules', { ...rule, name }, tenant)).body.position
  const first = await send('GET', `/v1/rules?limit=2&atLeast=${at}`, undefined, tenant)
  const next = first.body.nextCursor
  const second = await send('GET', `/v1/rules?limit=2&cursor=${next}`, undefined, tenant)
  const names = [...first.body.items, ...second.body.items].map(({ settings }) => settings.name)
  t.same(names, ['a', 'b', 'c'])
  t.equal(second.body.nextCursor, undefined)
  t.same((await send('GET', '/v1/rules', undefined, { tenantId: 'nobody' })).body.items, [])
  t.match(await send('GET', '/v1/rules?cursor=WyJhIiwiYiJd'), { body: { code: 'bad-cursor' } })
})
