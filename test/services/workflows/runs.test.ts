import t from 'tap'
import { registerType } from '../../../services/custom/commands.ts'
import { startOther } from '../../support/other-system.ts'
import { waitFor } from '../../support/wait-for.ts'
import { workflow } from '../../support/workflow-run.ts'
import { all, workflowWorld } from '../../support/workflow-world.ts'

const id = '00000000-0000-4000-8000-000000000000'
const by = { tenantId: 'acme', actorId: 'test', correlationId: id, causationId: id }

/** A workflow of this name. */
function named(name: string, tasks: unknown, rest: object = {}) {
  const made = workflow(tasks, rest)
  return { ...made, document: { ...made.document, name } }
}

t.test('runs', async (t) => {
  const world = await workflowWorld(t)
  let driven = await world.drive()
  await registerType(
    { store: world.events, now: world.now },
    { name: 'Ready', schema: { type: 'object' } },
    by,
  )

  await t.test('a run that is started over HTTP ends by itself', async (t) => {
    await world.define(
      named('thin', [
        { first: { set: { n: '${ .n + 1 }' } } },
        {
          choose: {
            switch: [{ small: { when: '.n < 10', then: 'pause' } }, { large: { then: 'end' } }],
          },
        },
        { pause: { wait: { milliseconds: 20 } } },
        { tell: { call: 'one', with: { n: '${ .n }' } } },
        { last: { set: { answer: '${ .called }' } } },
      ]),
    )
    const runId = await world.begin('thin', { input: { n: 1 } })
    const view = await world.until(runId, 'completed')
    t.match(view, { output: { answer: 'one' }, workflow: 'test.thin', version: '1.0.0' })
    t.match(world.effects.list(), [{ name: 'one', input: { n: 2 } }])
    const stored = await all(world.log.readStream(`run-acme.${runId}`))
    t.notOk(
      stored.some(({ raw }) => raw.data.includes('answer')),
      'the log has ciphertext',
    )
    const [first, ...rest] = stored
    t.ok(rest.every(({ correlationId }) => correlationId === first?.correlationId))
  })

  await t.test('the same idempotency key is the same run', async (t) => {
    const key = { 'idempotency-key': 'abc' }
    const runs = [await world.begin('thin', {}, key), await world.begin('thin', {}, key)]
    t.equal(runs[0], runs[1])
  })

  await t.test('what cannot be started is refused', async (t) => {
    const post = (name: string, payload: object = {}) =>
      world.inject({ method: 'POST', url: `/v1/workflows/test.${name}/runs`, payload })
    t.match((await post('nobody')).json(), { code: 'workflow-not-found' })
    t.match((await post('thin', { version: '9.9.9' })).json(), { code: 'workflow-not-found' })
    const schema = { document: { type: 'object', required: ['n'] } }
    await world.define(named('strict', [{ a: { set: { n: 1 } } }], { input: { schema } }))
    t.match((await post('strict')).json(), { status: 422, code: 'run-input-invalid' })
    t.equal((await world.inject({ url: `/v1/workflow-runs/${id}` })).statusCode, 404)
    t.match((await world.ask(id, 'cancel')).json(), { code: 'run-not-found' })
  })

  await t.test('a run calls another system, each attempt under a key of its own', async (t) => {
    const other = await startOther(t)
    const call = { call: 'http', with: { method: 'get', endpoint: `${other.base}/orders/{id}` } }
    const tasks = [
      { careful: { try: [{ ask: call }], catch: { retry: { limit: { attempt: { count: 2 } } } } } },
      { keep: { set: { url: '${ .url }' } } },
    ]
    other.fail(1)
    await world.define(named('orders', tasks))
    const view = await world.until(await world.begin('orders', { input: { id: 7 } }), 'completed')
    t.same(view.output, { url: '/orders/7' })
    const keys = other.got.map(({ headers }) => headers['idempotency-key'])
    t.equal(keys.length, 2)
    t.equal(new Set(keys).size, 2)
  })

  await t.test(
    'a run hears what happens in its tenant, and what is emitted by another',
    async (t) => {
      const to = { one: { with: { type: 'custom.Ready', data: { n: 7 } } } }
      await world.define(named('hears', [{ hear: { listen: { to } } }]))
      const event = { type: 'custom.Ready', source: 'urn:x', data: { n: '${ .n }' } }
      await world.define(named('emits', [{ tell: { emit: { event: { with: event } } } }]))
      const hearing = await world.begin('hears')
      await world.waits(hearing, 'event')
      await world.until(await world.begin('emits', { input: { n: 6 } }), 'completed')
      await world.until(await world.begin('emits', { input: { n: 7 } }), 'completed')
      t.same((await world.until(hearing, 'completed')).output, [{ n: 7 }])
    },
  )

  await t.test('an event can be sent to a run, which has to wait for it', async (t) => {
    const to = { one: { with: { type: 'door.opened' } } }
    await world.define(named('door', [{ hear: { listen: { to } } }]))
    const runId = await world.begin('door')
    await world.waits(runId, 'event')
    t.match((await world.ask(runId, 'events', { type: 'else' })).json(), {
      code: 'run-not-listening',
    })
    t.equal((await world.ask(runId, 'events', { type: 'door.opened', data: 1 })).statusCode, 202)
    t.same((await world.until(runId, 'completed')).output, [1])
  })

  await t.test('a run waits for the run that it starts', async (t) => {
    const child = { namespace: 'test', name: 'thin', version: '1.0.0', input: { n: '${ .n }' } }
    await world.define(named('parent', [{ inner: { run: { workflow: child } } }]))
    const runId = await world.begin('parent', { input: { n: 2 } })
    t.same((await world.until(runId, 'completed')).output, { answer: 'one' })
    const loop = { namespace: 'test', name: 'loop', version: '1.0.0' }
    await world.define(named('loop', [{ again: { run: { workflow: loop } } }]))
    const view = await world.until(await world.begin('loop'), 'faulted')
    t.match(view.error, { type: /configuration$/ })
  })

  await t.test('approvals: only by who may, once, and recorded', async (t) => {
    const rule = { by: { actors: ['key:boss'] }, within: 'PT1H' }
    const metadata = { 'tidemark.approve': rule }
    await world.define(named('asks', [{ act: { call: 'two', metadata } }]))
    const runId = await world.begin('asks')
    const { open } = await world.waits(runId, 'approval')
    const answer = (actorId: string, decision: string) =>
      world.inject(
        {
          ...{ method: 'POST', url: `/v1/workflow-runs/${runId}/approvals` },
          payload: { step: open[0].step, decision, comment: 'as agreed' },
        },
        { actorId },
      )
    t.match((await answer('key:owner', 'approve')).json(), { code: 'approval-forbidden' })
    const both = await Promise.all([answer('key:boss', 'approve'), answer('key:boss', 'refuse')])
    t.same(both.map(({ statusCode }) => statusCode).sort(), [202, 409])
    const approved = both[0].statusCode === 202
    await world.until(runId, approved ? 'completed' : 'faulted')
    const told = await world.told(runId)
    t.match(
      told.filter(({ type }) => type.startsWith('Approval')).map(({ type }) => type),
      ['ApprovalRequested', approved ? 'ApprovalGiven' : 'ApprovalRefused'],
    )
  })

  await t.test('a run that is cancelled while a step is under way takes it back', async (t) => {
    const metadata = { 'tidemark.compensate': { call: 'three', with: { undo: true } } }
    await world.define(
      named('slow', [{ act: { call: 'two', metadata } }, { last: { call: 'one' } }]),
    )
    const held = world.effects.hold('two')
    const runId = await world.begin('slow')
    await held.begun
    t.equal((await world.ask(runId, 'cancel')).statusCode, 202)
    t.match(await world.view(runId), { status: 'ending', open: [{ waitsFor: 'call' }] })
    held.release()
    await world.until(runId, 'cancelled')
    t.match(world.effects.list().at(-1), { name: 'three', input: { undo: true } })
    t.match((await world.ask(runId, 'suspend')).json(), { code: 'run-over' })
  })

  await t.test('suspended, resumed and retried', async (t) => {
    await world.define(
      named('again', [{ act: { call: 'shaky' } }, { last: { set: { well: '${ .called }' } } }]),
    )
    const runId = await world.begin('again')
    t.match((await world.until(runId, 'faulted')).error, { status: 409, detail: 'Not yet.' })
    t.equal((await world.ask(runId, 'retry', { step: 1 })).statusCode, 202)
    t.same((await world.until(runId, 'completed')).output, { well: 'shaky' })
    const beside = [{ pause: { wait: 'PT1H' } }, { act: { call: 'one', with: { fails: true } } }]
    await world.define(
      named('beside', [{ both: { fork: { branches: [...beside, { no: { call: 'unknown' } }] } } }]),
    )
    const forked = await world.begin('beside')
    const { open } = await world.until(forked, 'faulted')
    t.same(open, [])
    const retried = (await world.told(forked)).find(
      ({ data }) => data.reference === '/do/0/both/fork/branches/2/no',
    )
    await world.ask(forked, 'retry', { step: retried?.data.step })
    const rows = () =>
      world.pool.query('select from ops.workflow_timers where run_id = $1', [forked])
    await world.until(forked, 'faulted')
    const again = (await world.told(forked)).find(({ type }) => type === 'RunRetried')
    t.match(again?.data, { timers: [{ step: 2 }] }, 'the branch beside it waits again')
    await waitFor('nothing to wait', async () => (await rows()).rowCount === 0)
    await world.define(named('waits', [{ pause: { wait: 'PT1H' } }]))
    const waiting = await world.begin('waits')
    await world.waits(waiting, 'time')
    await world.ask(waiting, 'suspend')
    world.pass(3_600_000)
    t.match(await world.view(waiting), { suspended: true, status: 'running' })
    await world.ask(waiting, 'resume')
    await world.until(waiting, 'completed')
  })

  await t.test('an expression that never ends faults its task, and others go on', async (t) => {
    await world.define(named('hostile', [{ spin: { set: { n: '${ [range(1e9)] | length }' } } }]))
    await world.define(named('endless', [{ spin: { set: { n: '${ def f: f; f }' } } }]))
    for (const name of ['hostile', 'endless']) {
      const view = await world.until(await world.begin(name), 'faulted')
      t.match(view.error, { type: /expression$/, instance: '/do/0/spin' })
    }
    await world.until(await world.begin('thin', { input: { n: 1 } }), 'completed')
  })

  await t.test(
    'an event starts a run of each workflow whose schedule means it, once',
    async (t) => {
      const filter = { type: 'custom.Ready', data: '${ .n == 55 }' }
      const tasks = [{ tell: { call: 'three', with: { heard: '${ .[0].n }' } } }]
      await world.define(named('started', tasks, { schedule: { on: { one: { with: filter } } } }))
      const data = { n: '${ .n }' }
      const event = { type: 'custom.Ready', source: 'https://example.org', data }
      await world.define(named('starts', [{ tell: { emit: { event: { with: event } } } }]))
      for (const n of [54, 55])
        await world.until(await world.begin('starts', { input: { n } }), 'completed')
      const started = () => world.effects.list().filter(({ name }) => name === 'three')
      const heard = await waitFor('the run', () => {
        const found = started().filter(({ input }) => (input as { heard?: number }).heard === 55)
        return found.length > 0 && found
      })
      t.equal(heard.length, 1)
      t.notOk(started().some(({ input }) => (input as { heard?: number }).heard === 54))
    },
  )

  await t.test(
    'an attempt that takes longer than its limit ends, and is tried again',
    async (t) => {
      const { release } = world.effects.hold('two')
      const limit = { attempt: { count: 1, duration: 'PT1H' } }
      const retry = { delay: { milliseconds: 1 }, limit }
      const keep = { set: { status: '${ $error.status }' } }
      const handler = { errors: { with: { status: 408 } }, retry, do: [{ keep }] }
      await world.define(
        named('tardy', [{ try: { try: [{ ask: { call: 'two' } }], catch: handler } }]),
      )
      const asked = () => world.effects.list().filter(({ name }) => name === 'two').length
      const before = asked()
      const runId = await world.begin('tardy')
      for (const attempt of [1, 2]) {
        await waitFor(`attempt ${attempt}`, () => asked() === before + attempt)
        world.pass(3_700_000)
      }
      t.same((await world.until(runId, 'completed')).output, { status: 408 })
      const types = (await world.told(runId)).map(({ type }) => type)
      t.equal(types.filter((type) => type === 'TaskRetryScheduled').length, 1)
      release()
    },
  )

  await t.test('what runs wait for is found in the log again when it is lost', async (t) => {
    const to = { one: { with: { type: 'custom.Ready', data: { n: 99 } } } }
    const branches = [{ hear: { listen: { to } } }, { pause: { wait: 'PT2H' } }]
    await world.define(named('both', [{ both: { fork: { branches } } }]))
    const runId = await world.begin('both')
    await world.waits(runId, 'event')
    await driven.stop()
    for (const table of ['timers', 'listeners', 'watch'])
      await world.pool.query(`delete from ops.workflow_${table}`)
    const again = await Promise.all([world.drive(), world.drive()])
    world.pass(2 * 3_600_000)
    const event = { type: 'custom.Ready', source: 'https://example.org', data: { n: 99 } }
    await world.define(named('last', [{ tell: { emit: { event: { with: event } } } }]))
    await world.begin('last')
    await world.until(runId, 'completed')
    const told = (await world.told(runId)).map(({ type }) => type)
    t.same(
      ['EventReceived', 'TimerFired'].map((type) => told.filter((each) => each === type).length),
      [1, 1],
    )
    await Promise.all(again.map(({ stop }) => stop()))
    driven = await world.drive()
  })

  await t.test('an event that comes again is not heard by a later step', async (t) => {
    const hear = (n: number) => ({
      listen: { to: { one: { with: { type: 'custom.Ready', data: { n } } } } },
    })
    await world.define(named('twice', [{ one: hear(71) }, { two: hear(71) }]))
    await world.define(named('mark', [{ one: hear(72) }]))
    const [runId, mark] = [await world.begin('twice'), await world.begin('mark')]
    await Promise.all([world.waits(runId, 'event'), world.waits(mark, 'event')])
    await world.begin('starts', { input: { n: 71 } })
    await waitFor('the second step to listen', async () => {
      const { open } = await world.view(runId)
      return open[0]?.reference === '/do/1/two'
    })
    const rows = () =>
      world.pool.query('select from ops.workflow_listeners where run_id = $1 and step = 2', [runId])
    await waitFor('its row', async () => (await rows()).rowCount === 1)
    await driven.stop()
    await world.pool.query('delete from ops.workflow_watch')
    driven = await world.drive()
    await world.begin('starts', { input: { n: 72 } })
    await world.until(mark, 'completed')
    t.match(await world.view(runId), { status: 'running' })
    await world.begin('starts', { input: { n: 71 } })
    t.same((await world.until(runId, 'completed')).output, [{ n: 71 }])
  })

  await t.test('a tenant does not see the runs of another', async (t) => {
    const runId = await world.begin('thin')
    const url = `/v1/workflow-runs/${runId}`
    t.equal((await world.inject({ url }, { tenantId: 'other' })).statusCode, 404)
  })
})
