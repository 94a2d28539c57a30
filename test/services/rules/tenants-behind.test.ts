import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { RulesEvaluated } from '../../../domain/rules/evaluation.ts'
import { TenantEngines } from '../../../services/rules/tenant-engines.ts'
import { recordCalls, ruleWorld } from '../../support/rule-world.ts'
import { waitFor } from '../../support/wait-for.ts'

t.test('a rule counts what happened before it was made, also after a restart', async (t) => {
  const world = await ruleWorld(t)
  const installationId = randomUUID()
  const failing = (count: number, tenantId = 'acme') =>
    recordCalls(
      world.store,
      ...Array.from({ length: count }, () => ({ installationId, tenantId, outcome: 'timeout' })),
    )
  world.start()
  await failing(7)
  await failing(3, 'other')
  const condition = "count('ToolCalled', '10m', it.outcome != 'ok') > 7"
  const rule = { name: 'Failing', on: ['ToolCalled'], condition }
  const ruleId = await world.rule(rule)
  await failing(1)
  const verdicts = async () =>
    (await world.evaluations()).flatMap(({ data }) => (data as RulesEvaluated).rules)
  t.match(
    await waitFor('the next call', async () => (await verdicts()).length === 1 && verdicts()),
    [{ ruleId, verdict: 'matched' }],
  )
  const revised = { condition: "count('ToolCalled', '20m', it.outcome != 'ok') > 8" }
  t.match(await world.send('PUT', `/v1/rules/${ruleId}`, { ...rule, ...revised }), { status: 200 })
  await world.stop()
  await failing(1)
  world.start()
  const both = await waitFor(
    'the call after a restart',
    async () => (await verdicts()).length === 2 && verdicts(),
  )
  t.match(both[1], { ruleId, version: 2, verdict: 'matched' })
  await world.stop()
  await world.pool.query('delete from ops.rule_snapshots')
  const recorded = await world.evaluations()
  world.start()
  await failing(1)
  await waitFor('one more', async () => (await verdicts()).length === 3)
  t.same((await world.evaluations()).slice(0, 2), recorded, 'from nothing it decides the same')
})

t.test('what engines know is not saved for a place before it', async (t) => {
  const world = await ruleWorld(t)
  await recordCalls(world.store, { installationId: randomUUID() })
  const engines = new TenantEngines()
  let last = 0n
  for await (const event of world.store.readAll()) {
    engines.take(event)
    last = event.position
  }
  const saved = async () => (await world.pool.query('select from ops.rule_snapshots')).rowCount
  await engines.save(world.deps.state, last - 1n)
  t.equal(await saved(), 0)
  await engines.save(world.deps.state, last)
  t.equal(await saved(), 1)
})

t.test('while one tenant’s windows are filled, another one’s rules are asked', async (t) => {
  const world = await ruleWorld(t)
  const installationId = randomUUID()
  await recordCalls(world.store, { installationId, tenantId: 'slow' })
  const windowed = { condition: "count('ToolCalled', '1h') == 2" }
  await world.rule(windowed, { tenantId: 'slow' })
  await world.rule({})
  let [isAsked, goOn] = [false, () => {}]
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const { events } = world.deps
  world.start({
    events: {
      append: (...args) => events.append(...args),
      readStream: (...args) => events.readStream(...args),
      follow: (...args) => events.follow(...args),
      head: () => events.head(),
      [Symbol.asyncDispose]: async () => {},
      async *readAll(options) {
        if (options?.tenantId === 'slow' && options.types !== undefined) {
          isAsked = true
          await held
        }
        yield* events.readAll(options)
      },
    },
  })
  await recordCalls(world.store, { installationId, tenantId: 'slow' })
  await waitFor('the windows to be filled', async () => isAsked)
  await recordCalls(world.store, { installationId, tenantId: 'slow' })
  await recordCalls(world.store, { installationId })
  await waitFor('the other tenant', async () => (await world.evaluations()).length === 1)
  t.same(await world.evaluations('slow'), [])
  goOn()
  const all = await waitFor('the slow one', async () => {
    const evaluations = await world.evaluations('slow')
    return evaluations.length === 2 && evaluations
  })
  t.same(
    all.map(({ data }) => (data as RulesEvaluated).rules[0]?.verdict),
    ['matched', 'not-matched'],
  )
  await recordCalls(world.store, { installationId, tenantId: 'slow' })
  await waitFor('it to go on', async () => (await world.evaluations('slow')).length === 3)
})
