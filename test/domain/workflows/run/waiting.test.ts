import t from 'tap'
import { RunScenario, workflow } from '../../../support/workflow-run.ts'

const listen = (to: object, rest: object = {}) => workflow([{ hear: { listen: { to, ...rest } } }])

t.test('listen to one, any or all events', async (t) => {
  const a = { with: { type: 'a' } }
  const b = { with: { type: 'b' } }
  t.same(new RunScenario(listen({ one: a })).hears('b', 1).hears('a', 2).output, [2])
  t.same(new RunScenario(listen({ any: [a, b] })).hears('b', 1).output, [1])
  t.same(
    new RunScenario(listen({ all: [a, b] })).hears('b', 1).hears('b', 2).hears('a', 3).output,
    [1, 3],
  )
  t.match(new RunScenario(listen({ one: a }, { read: 'envelope' })).hears('a', 2).output, [
    { type: 'a', data: 2 },
  ])
})

t.test('any goes on until a condition holds or an event comes', async (t) => {
  const any = [{ with: { type: 'a' } }]
  const counted = new RunScenario(listen({ any, until: '(. | length) > 1' }))
  t.same(counted.hears('a', 1).hears('a', 2).output, [1, 2])
  const until = { one: { with: { type: 'stop' } } }
  t.same(new RunScenario(listen({ any, until })).hears('a', 1).hears('stop', 2).output, [1])
})

t.test('an event must be what the filter says, and what the first one was', async (t) => {
  const warm = { with: { type: 'a', data: '${ .n > 5 }' } }
  t.same(new RunScenario(listen({ one: warm })).hears('a', { n: 1 }).hears('a', { n: 6 }).output, [
    { n: 6 },
  ])
  const correlate = { order: { from: '.data.order' } }
  const all = ['a', 'b'].map((type) => ({ with: { type }, correlate }))
  const run = new RunScenario(listen({ all }))
  run.hears('a', { order: 1 }).hears('b', { order: 2 })
  t.equal(run.status, 'running')
  t.same(run.hears('b', { order: 1 }).output, [{ order: 1 }, { order: 1 }])
  const expected = { order: { from: '.data.order', expect: '${ .mine }' } }
  const mine = new RunScenario(listen({ one: { with: { type: 'a' }, correlate: expected } }), {
    mine: 7,
  })
  t.same(mine.hears('a', { order: 1 }).hears('a', { order: 7 }).output, [{ order: 7 }])
})

t.test('the same event counts once', async (t) => {
  const run = new RunScenario(listen({ any: [], until: '(. | length) == 2' }))
  run.hears('a', 1, 'same').hears('a', 1, 'same')
  t.equal(run.status, 'running')
})

t.test('each event goes through the tasks of foreach', async (t) => {
  const run = new RunScenario(
    workflow([
      {
        hear: {
          listen: { to: { any: [], until: '(. | length) == 2' } },
          foreach: {
            item: 'e',
            at: 'n',
            do: [{ act: { call: 'x', with: { e: '${ $e }', n: '${ $n }' } } }],
          },
        },
      },
    ]),
  )
  run.hears('a', 'one').hears('a', 'two')
  t.match(run.actions(), [{ work: { with: { e: 'one', n: 0 } } }])
  run.gives('act', null)
  t.match(run.actions(), [{ work: { with: { e: 'two', n: 1 } } }])
  t.same(run.gives('act', null).output, ['one', 'two'])
})

t.test(
  'what ends a listening ends it also where any event is taken, or all of them are asked',
  async (t) => {
    const stop = { with: { type: 'stop' } }
    const any = new RunScenario(listen({ any: [], until: { one: stop } }))
    t.same(any.hears('a', 1).hears('stop', 2).output, [1])
    const order = { order: { from: '.data.order' } }
    const both = ['stop', 'end'].map((type) => ({ with: { type }, correlate: order }))
    const run = new RunScenario(listen({ any: [{ with: { type: 'a' } }], until: { all: both } }))
    run.hears('a', 1).hears('stop', { order: 1 }).hears('stop', { order: 1 })
    run.hears('end', { order: 2 }).hears('a', 2)
    t.equal(run.status, 'running', 'one of two, and the other of another order')
    t.same(run.hears('end', { order: 1 }).output, [1, 2])
  },
)

const hearing = (foreach: object, count = 2) =>
  workflow([
    { hear: { listen: { to: { any: [], until: `(. | length) == ${count}` } }, foreach } },
    { know: { set: { heard: '${ . }', context: '${ $context }' } } },
  ])

t.test('foreach says what comes of each event, and what the run keeps of it', async (t) => {
  const shaped = { output: { as: '.n * 10 + $at' }, export: { as: '$context + [$it.n, .]' } }
  const alone = new RunScenario(hearing({ item: 'it', at: 'at', ...shaped }))
  alone.hears('a', { n: 1 })
  t.same(alone.run.context, [1, 10], 'as soon as it has come')
  t.same(alone.hears('a', { n: 2 }).output, { heard: [10, 21], context: [1, 10, 2, 21] })
  const act = {
    do: [{ act: { call: 'x', with: { e: '${ $item }' } } }, { sum: { set: '${ { n: . } }' } }],
  }
  const run = new RunScenario(hearing({ ...act, output: { as: '[$item, $index, .n]' } }))
  run.hears('a', 'one').hears('a', 'two')
  t.match(run.actions(), [{ work: { with: { e: 'one' } } }], 'one event after the other')
  run.gives('act', 5)
  t.match(run.actions(), [{ work: { with: { e: 'two' } } }])
  t.same(run.gives('act', 6).output, {
    heard: [
      ['one', 0, 5],
      ['two', 1, 6],
    ],
    context: null,
  })
})

t.test('what comes after the last event that is meant is not heard any more', async (t) => {
  const foreach = { do: [{ act: { call: 'x' } }] }
  const a = { with: { type: 'a' } }
  const until = { one: { with: { type: 'stop' } } }
  for (const to of [{ one: a }, { any: [a] }, { any: [a], until }]) {
    const run = new RunScenario(workflow([{ hear: { listen: { to }, foreach } }]))
    run
      .hears('a', 1)
      .hears('until' in to ? 'stop' : 'a', 2)
      .hears('a', 3)
    t.same(run.gives('act', null).output, [1])
  }
})

t.test('what comes of an event has to fit, and its tasks can end the listening', async (t) => {
  const schema = { document: { type: 'number' } }
  const wrong = new RunScenario(hearing({ output: { as: '.n', schema } })).hears('a', { n: 'x' })
  t.match(wrong.error, { type: /validation$/, instance: '/do/0/hear' })
  const kept = new RunScenario(hearing({ export: { as: '.n', schema } })).hears('a', { n: 'x' })
  t.match(kept.error, { type: /validation$/ })
  const left = { do: [{ leave: { set: { n: '${ $item }' }, then: 'exit' } }], output: { as: '.n' } }
  t.match(new RunScenario(hearing(left)).hears('a', 7).output, { heard: [7] })
  t.match(new RunScenario(hearing({ do: left.do })).hears('a', 7).output, { heard: [7] })
})

const approval = (rest: object = {}) =>
  workflow([
    {
      publish: {
        call: 'publish',
        metadata: {
          'tidemark.approve': { by: { scope: 'workflows:write' }, within: 'PT1H', ...rest },
        },
      },
    },
  ])
const may = { scopes: ['workflows:write'] }

t.test('a task runs when somebody who may has approved it', async (t) => {
  const run = new RunScenario(approval())
  t.same(run.owes(), [])
  t.equal(run.answer('approve', { scopes: ['catalogue:read'] }), 'approval-forbidden')
  t.equal(run.answer('approve', may), undefined)
  t.same(run.owes(), ['publish'])
  t.equal(run.answer('refuse', may), 'approval-not-open')
})

t.test('a refusal or no answer in time faults the task or leaves it out', async (t) => {
  const refused = new RunScenario(approval())
  refused.answer('refuse', may)
  t.match(refused.error, { type: /authorization$/, status: 403 })
  const late = new RunScenario(approval()).nextTimer()
  t.match(late.error, { type: /timeout$/ })
  const left = new RunScenario(approval({ otherwise: 'skip' }), { kept: 1 }).nextTimer()
  t.same(left.output, { kept: 1 })
})

t.test('of two different answers the first counts', async (t) => {
  const run = new RunScenario(approval())
  run.tell('SuspendRun')
  t.equal(run.answer('approve', may), undefined)
  t.equal(run.answer('approve', may), undefined)
  t.equal(run.answer('refuse', may), 'approval-answered')
})

t.test('while a run is suspended nothing begins; what comes back is recorded', async (t) => {
  const run = new RunScenario(workflow([{ a: { call: 'a' } }, { b: { call: 'b' } }]))
  const [action] = run.actions()
  run.tell('SuspendRun')
  t.same(run.owes(), [])
  run.tell('ResumeRun')
  t.same(run.actions(), [action])
  run.gives('a', 1)
  t.same(run.owes(), ['b'])
})

t.test('a run that faulted goes on again from any step', async (t) => {
  const document = workflow([{ a: { call: 'a' } }, { b: { call: 'b', with: { v: '${ .v }' } } }])
  const run = new RunScenario(document)
  run.gives('a', { v: 1 }).fails('b')
  run.goOn()
  t.equal(run.status, 'faulted')
  t.equal(run.retry(77), 'step-not-found')
  t.equal(run.retry(), undefined)
  t.match(run.actions(), [{ step: 3, work: { call: 'b', with: { v: 1 } } }])
  run.fails('b')
  run.goOn()
  t.equal(run.retry(1), undefined)
  t.match(run.actions(), [{ step: 4, work: { call: 'a' } }])
  run.gives('a', { v: 2 })
  t.match(run.actions(), [{ work: { with: { v: 2 } } }])
  t.same(run.gives('b', 'well').output, 'well')
  t.equal(run.retry(), 'run-not-over')
})
