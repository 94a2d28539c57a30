import { randomUUID } from 'node:crypto'
import t from 'tap'
import { Value } from 'typebox/value'
import { customStream } from '../../../domain/custom/custom-type.ts'
import { RuleFired } from '../../../services/kernel/webhook-messages.ts'
import { EventIdConflictError, RevisionConflictError } from '../../../services/ports/event-store.ts'
import { runRuleReactor } from '../../../services/rules/reactor.ts'
import { read, recordCalls, ruleWorld } from '../../support/rule-world.ts'
import { waitFor } from '../../support/wait-for.ts'

const emit = (name: string, data: object = { about: { cel: 'event.subject' } }) => ({
  kind: 'command',
  command: 'emit-custom-event',
  parameters: { name, data },
})

t.test('a match is recorded with what it read, and what it owes is done once', async (t) => {
  const world = await ruleWorld(t)
  await world.send('POST', '/v1/custom-events/types', {
    ...{ name: 'CallFailed', schema: { type: 'object' } },
  })
  const condition = "event.data.outcome != 'ok'"
  const ruleId = await world.rule({ condition, actions: [emit('CallFailed')] })
  world.start()
  const installationId = randomUUID()
  const [, failed] = await recordCalls(
    world.store,
    { installationId },
    { installationId, outcome: 'timeout' },
  )
  const [outcome] = await world.acted(1)
  const evaluations = await world.evaluations()
  t.match(
    evaluations.map(({ data }) => data),
    [
      { subject: installationId, rules: [{ ruleId, verdict: 'not-matched' }] },
      {
        eventId: failed,
        rules: [
          {
            ...{ ruleId, version: 1, verdict: 'matched' },
            values: [{ path: 'event.data.outcome', value: 'timeout' }],
          },
        ],
      },
    ],
  )
  const [, match] = evaluations
  t.match(match, { causationId: failed, correlationId: 'calls', actorId: 'system:rules' })
  t.match(outcome, { type: 'RuleActionSucceeded', data: { ruleId, index: 0, attempt: 1 } })
  t.match(await read(world.store, customStream('acme', 'CallFailed')), [
    {
      ...{ causationId: match?.eventId, correlationId: 'calls', actorId: 'tester' },
      data: { data: { about: installationId } },
    },
  ])
  const { body } = await world.send(
    'GET',
    `/v1/rules/${ruleId}/actions?atLeast=${outcome?.position}`,
  )
  t.match(body.items, [{ status: 'succeeded', attempts: 1, action: 'emit-custom-event' }])
  const evaluationsUrl = `/v1/rules/${ruleId}/evaluations?limit=1`
  const newest = (await world.send('GET', evaluationsUrl)).body
  const older = await world.send('GET', `${evaluationsUrl}&cursor=${newest.nextCursor}`)
  t.match(newest.items, [{ verdict: 'matched', event: { id: failed } }])
  t.match(older.body, { items: [{ verdict: 'not-matched' }] })
})

t.test('started again, from a snapshot or from nothing, it repeats nothing', async (t) => {
  const world = await ruleWorld(t)
  await world.send('POST', '/v1/custom-events/types', {
    ...{ name: 'Told', schema: { type: 'object' } },
  })
  await world.rule({
    condition: "count('ToolCalled', '1h') == 2",
    actions: [emit('Told')],
  })
  world.start()
  const installationId = randomUUID()
  await recordCalls(world.store, { installationId })
  await waitFor('the first call', async () => (await world.evaluations()).length === 1)
  await world.stop()
  world.start()
  await recordCalls(world.store, { installationId })
  await world.acted(1)
  await world.stop()
  for (const table of ['rule_snapshots', 'rule_actions_from'])
    await world.pool.query(`delete from ops.${table}`)
  const before = await world.evaluations()
  t.match(
    before.map(({ data }) => (data.rules as { verdict: string }[])[0]?.verdict),
    ['not-matched', 'matched'],
    'the window goes on where it was',
  )
  world.start()
  await recordCalls(world.store, { installationId })
  await waitFor('the third call', async () => (await world.evaluations()).length === 3)
  t.same((await world.evaluations()).slice(0, 2), before)
  t.equal((await read(world.store, customStream('acme', 'Told'))).length, 1)
})

t.test('two that both believe to hold the lease record each decision once', async (t) => {
  const world = await ruleWorld(t)
  await world.rule({ budgetPerMinute: 1_000 })
  const stop = new AbortController()
  const restarting = async () => {
    while (!stop.signal.aborted)
      await runRuleReactor(world.deps, stop.signal).catch((error: unknown) => {
        t.ok(error instanceof RevisionConflictError || error instanceof EventIdConflictError)
      })
  }
  const both = [restarting(), restarting()]
  t.teardown(async () => {
    stop.abort()
    await Promise.all(both)
  })
  const installationId = randomUUID()
  const calls: string[] = []
  for (let append = 0; append < 40; append++)
    calls.push(...(await recordCalls(world.store, { installationId }, { installationId })))
  await waitFor('all', async () => (await world.evaluations()).length >= calls.length)
  t.same(
    (await world.evaluations()).map(({ data }) => data.eventId),
    calls,
  )
})

t.test('an action that fails is tried again later, then the chain goes on or ends', async (t) => {
  const sent: object[] = []
  const world = await ruleWorld(t, {
    webhooks: {
      async call(_webhook, event) {
        sent.push(event)
        return sent.length < 3
          ? { delivered: false, code: 'webhook-refused', cause: 'It answered 500.', again: true }
          : { delivered: true, status: 204 }
      },
    },
  })
  const source = { kind: 'command', command: 'sync', parameters: { sourceId: 'nowhere' } }
  const webhookId = await registeredWebhook(world)
  const ruleId = await world.rule({
    actions: [
      { kind: 'webhook', webhookId, parameters: {} },
      { ...source, onFailure: 'continue' },
      source,
      source,
    ],
  })
  world.start()
  await recordCalls(world.store, { installationId: randomUUID() })
  await world.acted(1)
  await world.stop()
  world.pass(60_000)
  world.start()
  await world.acted(2)
  await world.stop()
  world.pass(60_000)
  world.start()
  const outcomes = await world.acted(5)
  t.match(
    outcomes.map(({ type, data: { index, attempt, code } }) => [type, index, attempt, code]),
    [
      ['RuleActionFailed', 0, 1, 'webhook-refused'],
      ['RuleActionFailed', 0, 2, 'webhook-refused'],
      ['RuleActionSucceeded', 0, 3, undefined],
      ['RuleActionFailed', 1, 1, 'source-not-found'],
      ['RuleActionFailed', 2, 1, 'source-not-found'],
    ],
  )
  t.match(outcomes.at(-1)?.data, { skipped: [3] })
  t.same([...Value.Errors(RuleFired, sent[0])], [], 'a message is what AsyncAPI says')
  t.match(sent[0], { subject: ruleId, data: { event: { type: 'ToolCalled' } } })
  t.same(sent[2], sent[0], 'the same, however often it is sent')
  const at = outcomes.at(-1)?.position
  const { body } = await world.send('GET', `/v1/rules/${ruleId}/actions?atLeast=${at}`)
  t.same(
    body.items.map(({ status }: { status: string }) => status),
    ['succeeded', 'failed', 'failed', 'skipped'],
  )
})

t.test('a rule acts no longer than its author may', async (t) => {
  const world = await ruleWorld(t)
  const sync = { kind: 'command', command: 'sync', parameters: { sourceId: 'somewhere' } }
  await world.rule({ actions: [sync] })
  world.allowed.set('tester', ['rules:write'])
  world.start()
  await recordCalls(world.store, { installationId: randomUUID() })
  t.match((await world.acted(1))[0]?.data, { code: 'author-not-allowed' })
})

t.test(
  'a rule that fires above its budget is suspended until it is switched on again',
  async (t) => {
    const world = await ruleWorld(t)
    const ruleId = await world.rule({ budgetPerMinute: 2 })
    world.start()
    const installationId = randomUUID()
    await recordCalls(world.store, ...Array.from({ length: 5 }, () => ({ installationId })))
    const suspended = await waitFor('it to be suspended', async () => {
      const { body } = await world.send('GET', `/v1/rules/${ruleId}`)
      return body.status === 'suspended' && body
    })
    t.match(suspended.reason, /more than 2 times in a minute/)
    await world.send('POST', `/v1/rules/${ruleId}/enable`)
    await recordCalls(world.store, { installationId })
    const evaluations = await waitFor('the next evaluation', async () => {
      const found = await world.evaluations()
      return found.length === 4 && found
    })
    t.same(
      evaluations.map(({ data }) => (data.rules as { verdict: string }[])[0]?.verdict),
      ['matched', 'matched', 'suspended', 'matched'],
    )
  },
)

t.test('rules that set each other off come to an end, and say why', async (t) => {
  const world = await ruleWorld(t)
  await world.send('POST', '/v1/custom-events/types', {
    ...{ name: 'Again', schema: { type: 'object' } },
  })
  const ruleId = await world.rule({ on: ['custom.Again'], actions: [emit('Again', {})] })
  world.start()
  await world.send('POST', '/v1/custom-events', { name: 'Again', data: {} })
  const last = await waitFor('the end', async () =>
    (await world.evaluations()).find(({ data }) => JSON.stringify(data).includes('too-deep')),
  )
  t.match(last.data, {
    depth: 9,
    rules: [{ ruleId, reason: 'The event was caused through 9 rule actions, more than 8.' }],
  })
  t.equal((await read(world.store, customStream('acme', 'Again'))).length, 10)
  const settings = { name: 'Another', on: ['custom.Again'], condition: 'true' }
  const previewed = await waitFor('a preview that knows it', async () => {
    const { body } = await world.send('POST', '/v1/rules/preview', { settings })
    return body.counts['too-deep'] === 1 && body
  })
  t.match(previewed.counts, { matched: 9 })
  t.match(previewed.shown.at(-1), {
    verdict: 'too-deep',
    reason: 'The event was caused through 9 rule actions, more than 8.',
  })
})

t.test('what one tenant’s receiver does, another does not notice', async (t) => {
  const world = await ruleWorld(t, {
    webhooks: {
      call: (_webhook, _event, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('ended'))),
        ),
    },
  })
  await world.send('POST', '/v1/custom-events/types', {
    ...{ name: 'Told', schema: { type: 'object' } },
  })
  const webhookId = await registeredWebhook(world, 'other')
  const hanging = { kind: 'webhook', webhookId, parameters: {} }
  await world.rule({ actions: [hanging] }, { tenantId: 'other' })
  await world.rule({ actions: [emit('Told')] })
  world.start()
  const installationId = randomUUID()
  const calls = (tenantId: string) =>
    Array.from({ length: 30 }, () => ({ installationId, tenantId }))
  await recordCalls(world.store, ...calls('other'))
  await recordCalls(world.store, ...calls('acme'))
  t.equal((await world.acted(30)).length, 30)
})

async function registeredWebhook(
  { store, pool }: Awaited<ReturnType<typeof ruleWorld>>,
  tenantId = 'acme',
): Promise<string> {
  const webhookId = randomUUID()
  const data = {
    ...{ webhookId, name: 'Hook', url: 'https://hooks.example.org/', types: [] },
    ...{ secretId: randomUUID(), registeredAt: new Date().toISOString() },
  }
  const event = { id: randomUUID(), type: 'WebhookRegistered', data }
  await store.append(`webhook-${tenantId}.${webhookId}`, [event], 'no-stream', {
    ...{ tenantId, actorId: 'a', correlationId: 'c', causationId: 'c' },
  })
  await waitFor('the webhook', async () => {
    const { rowCount } = await pool.query('select from read.webhooks where webhook_id = $1', [
      webhookId,
    ])
    return rowCount === 1
  })
  return webhookId
}
