import t from 'tap'
import type { Json } from '../../../../domain/kernel/json.ts'
import { RunScenario, workflow } from '../../../support/workflow-run.ts'

t.test('tasks are done one after the other, each with what the one before gave', async (t) => {
  const run = new RunScenario(
    workflow([{ a: { set: { n: '${ .start + 1 }' } } }, { b: { set: { n: '${ .n * 2 }' } } }]),
    { start: 1 },
  )
  t.equal(run.status, 'completed')
  t.same(run.output, { n: 4 })
  t.same(run.told(), [
    'WorkflowRunStarted',
    ...['TaskStarted', 'TaskCompleted', 'TaskStarted', 'TaskCompleted'],
    'RunCompleted',
  ])
})

t.test('inputs, outputs and the context are transformed and checked', async (t) => {
  const run = new RunScenario(
    workflow(
      [
        {
          a: {
            input: { from: '.inner' },
            set: { doubled: '${ . * 2 }' },
            output: { as: '.doubled' },
            export: { as: '{ kept: ., before: $context }' },
          },
        },
        { b: { set: '${ { from: $context.kept, input: $input } }' } },
      ],
      { input: { from: '{ inner: .n }' }, output: { as: '{ result: . }' } },
    ),
    { n: 21 },
  )
  t.same(run.output, { result: { from: 42, input: 42 } })
  t.same(run.run.context, { kept: 42, before: null })
  const strict = workflow([
    { a: { input: { schema: { document: { type: 'string' } } }, set: { n: 1 } } },
  ])
  t.match(new RunScenario(strict, {}).error, { status: 400, instance: '/do/0/a' })
})

t.test('expressions see the workflow and the task as the standard describes them', async (t) => {
  const at = '${ [$workflow.startedAt, $task.startedAt] }'
  const set = {
    at,
    of: '${ $workflow.definition.document.name }',
    by: '${ $task.definition | keys }',
  }
  const run = new RunScenario(workflow([{ a: { set } }]))
  const epoch = { seconds: 1767225600, milliseconds: 1767225600000 }
  const instant = { iso8601: '2026-01-01T00:00:00.000Z', epoch }
  t.same(run.output, { at: [instant, instant], of: 'example', by: ['set'] })
})

t.test(
  'a run that nobody waits for any more is owed its end, whatever becomes of the other',
  async (t) => {
    const inner = { run: { workflow: { namespace: 'a', name: 'b', version: '1.0.0' } } }
    const run = new RunScenario(workflow([{ inner: { ...inner, timeout: { after: 'PT1M' } } }]))
    t.same(run.abandoned(), [])
    run.nextTimer()
    t.equal(run.status, 'faulted')
    t.match(run.abandoned(), [{ step: 1, attempt: 1, work: { kind: 'run' } }])
  },
)

t.test('what is no duration is a fault of the task', async (t) => {
  for (const wait of [{ fortnights: 1 }, {}, { days: '1' }, 5, 'PT']) {
    const run = new RunScenario(workflow([{ a: { wait: '${ .wait }' } }]), { wait })
    t.match(run.error, { status: 400, detail: /^A duration is neither/ }, JSON.stringify(wait))
  }
})

t.test('a task whose `if` does not hold is left out and passes its input on', async (t) => {
  const run = new RunScenario(
    workflow([{ a: { if: '.n > 1', set: { n: 0 } } }, { b: { set: { seen: '${ .n }' } } }]),
    { n: 1 },
  )
  t.same(run.output, { seen: 1 })
  t.ok(run.told().includes('TaskSkipped'))
})

t.test('switch goes where the first case that holds points to', async (t) => {
  const document = workflow([
    {
      choose: {
        switch: [{ big: { when: '.n > 10', then: 'large' } }, { other: { then: 'small' } }],
      },
    },
    { large: { set: { is: 'large' }, then: 'end' } },
    { small: { set: { is: 'small' } } },
  ])
  t.same(new RunScenario(document, { n: 11 }).output, { is: 'large' })
  t.same(new RunScenario(document, { n: 1 }).output, { is: 'small' })
})

t.test('`exit` leaves the list that a task is in, `end` the run', async (t) => {
  const nested = (then: string) =>
    workflow([
      { inner: { do: [{ a: { set: { n: 1 }, then } }, { b: { set: { n: 2 } } }] } },
      { after: { set: { n: '${ .n + 10 }' } } },
    ])
  t.same(new RunScenario(nested('exit')).output, { n: 11 })
  t.same(new RunScenario(nested('end')).output, { n: 1 })
  t.same(new RunScenario(nested('continue')).output, { n: 12 })
  t.match(new RunScenario(nested('nowhere')).error, { status: 400 })
})

t.test('for does its tasks for each item, while its condition holds', async (t) => {
  const loop = (rest: object = {}) =>
    workflow([
      {
        loop: {
          for: { each: 'item', in: '.items', at: 'i' },
          ...rest,
          do: [{ add: { set: { sum: '${ .sum + $item * ($i + 1) }', items: '${ .items }' } } }],
        },
      },
    ])
  const input = { items: [3, 2, 1], sum: 0 }
  t.match(new RunScenario(loop(), input).output, { sum: 10 })
  t.match(new RunScenario(loop({ while: '.sum < 4' }), input).output, { sum: 7 })
  t.match(new RunScenario(loop(), { items: [], sum: 5 }).output, { sum: 5 })
  t.match(new RunScenario(loop(), { items: 3 }).error, { status: 400 })
})

t.test('a run that never ends by itself is ended', async (t) => {
  const run = new RunScenario(workflow([{ a: { set: { n: 1 }, then: 'a' } }]))
  t.equal(run.status, 'faulted')
  t.match(run.error, { type: /runtime$/ })
})

t.test('calls, emits and child runs are owed with their arguments, then recorded', async (t) => {
  const run = new RunScenario(
    workflow([
      { sync: { call: 'sync', with: { source: '${ .id }' } } },
      {
        tell: {
          emit: { event: { with: { type: 'custom.Done', source: 'urn:x', data: '${ .n }' } } },
        },
      },
      { child: { run: { workflow: { namespace: 'test', name: 'other', version: '1.0.0' } } } },
    ]),
    { id: 'abc' },
  )
  t.match(run.actions(), [{ work: { kind: 'call', call: 'sync', with: { source: 'abc' } } }])
  run.gives('sync', { n: 5 })
  t.match(run.actions(), [{ work: { kind: 'emit', event: { type: 'custom.Done', data: 5 } } }])
  run.gives('tell', { n: 5 })
  t.match(run.actions(), [{ work: { kind: 'run', name: 'other', await: true } }])
  run.gives('child', 'well')
  t.equal(run.output, 'well')
  t.same(run.actions(), [])
})

t.test('a function of the document is a task with its own name', async (t) => {
  const greet = { set: { greeting: '${ "Hello " + .name }' } }
  const run = new RunScenario(
    workflow([{ a: { call: 'greet', with: { name: '${ .who }' } } }], {
      use: { functions: { greet } },
    }),
    { who: 'Ann' },
  )
  t.same(run.output, { greeting: 'Hello Ann' })
})

t.test('wait ends when its time has come, and not before', async (t) => {
  const run = new RunScenario(workflow([{ pause: { wait: 'PT10S' } }]), { kept: true })
  run.clock('2026-01-01T00:00:09.999Z')
  t.equal(run.status, 'running')
  run.clock('2026-01-01T00:00:10.000Z')
  t.same(run.output, { kept: true })
})

t.test(
  'a wait of no time is over when the clock is looked at; one of less than that faults',
  async (t) => {
    for (const wait of ['PT0S', { seconds: 0 }, '${ .for }']) {
      const run = new RunScenario(workflow([{ pause: { wait } }]), { for: 'PT0S' })
      run.clock(run.now)
      t.equal(run.status, 'completed')
    }
    for (const span of ['-PT1S', 'PT-1S', 'soon', { seconds: -1 }, 5, null]) {
      const run = new RunScenario(workflow([{ pause: { wait: '${ .for }' } }]), { for: span })
      t.match(run.error, { status: 400, instance: '/do/0/pause', detail: /no|not/ })
    }
  },
)

t.test('a task or a run that takes longer than its timeout faults', async (t) => {
  const task = new RunScenario(
    workflow([{ slow: { call: 'x', timeout: { after: { seconds: 5 } } } }]),
  )
  task.nextTimer()
  t.match(task.error, { type: /timeout$/, status: 408, instance: '/do/0/slow' })
  const whole = new RunScenario(
    workflow([{ slow: { wait: 'PT1M' } }], { timeout: { after: 'PT5S' } }),
  )
  whole.nextTimer()
  t.match(whole.error, { type: /timeout$/ })
})

t.test('expressions that fail fault the task, with the standard error', async (t) => {
  const run = new RunScenario(workflow([{ a: { set: { n: '${ error("no") }' } } }]))
  t.match(run.error, { status: 400, instance: '/do/0/a' })
})

const HOSTILE_NAMES = ['a/b', 'a~b', '~1', '/', '', ' ', '0', 'é😀', '__proto__', 'constructor']

t.test('tasks, functions and variables may be called anything', async (t) => {
  for (const name of HOSTILE_NAMES) {
    const inner = { [name]: { set: { seen: '${ .n }' } } }
    const nested = new RunScenario(
      workflow([{ [name]: { try: [inner], catch: { as: name, do: [inner] } } }]),
      { n: 1 },
    )
    t.same(nested.output, { seen: 1 }, `a task called "${name}"`)
    const calling = workflow([{ [name]: { call: name } }, { [`then ${name}`]: { call: name } }], {
      use: { functions: { [name]: { do: [inner, inner] } } },
    })
    const called = new RunScenario(calling, { n: 1 })
    t.same(called.output, { seen: null }, `a function called "${name}"`)
    const failing = workflow([{ [name]: { do: [{ [name]: { raise: { error: name } } }] } }], {
      use: { errors: { [name]: { type: 'https://example.org/e', status: 500 } } },
    })
    t.match(new RunScenario(failing).error, { status: 500 }, `an error called "${name}"`)
  }
})

t.test('what a run remembers of an event may be called anything', async (t) => {
  const correlate = { ['__proto__']: { from: '.data.id' } }
  const two = [
    { with: { type: 'a' }, correlate },
    { with: { type: 'b' }, correlate },
  ]
  const run = new RunScenario(workflow([{ hear: { listen: { to: { all: two } } } }]))
  run.hears('a', { id: 1 }).hears('b', { id: 2 })
  t.equal(run.status, 'running')
  t.equal(run.hears('b', { id: 1 }).status, 'completed')
})

t.test('a call authenticates as its document says, whatever the data are', async (t) => {
  const use = { secrets: ['a'], authentications: { mine: { bearer: { use: 'a' } } } }
  const given = (endpoint: unknown, input: Json) => {
    const tasks = [{ web: { call: 'http', with: { method: 'get', endpoint } } }]
    return new RunScenario(workflow(tasks, { use }), input).actions()[0]?.work
  }
  t.match(given({ uri: '${ .uri }', authentication: { use: 'mine' } }, { uri: 'x://y' }), {
    with: { endpoint: 'x://y', authentication: { scheme: 'bearer', secret: 'a' } },
  })
  const lured = given('${ . }', { uri: 'x://y', authentication: { bearer: { use: 'a' } } })
  t.notOk(Object.hasOwn((lured as { with: object }).with, 'authentication'))

  const token = '${ $secrets.a }'
  const members = {
    document: { endpoint: 'x://${ .y }' },
    operationId: '${ .id }',
    authentication: { bearer: { token } },
  }
  const tasks = [{ web: { call: 'openapi', with: members } }]
  const [action] = new RunScenario(workflow(tasks, { use }), { id: 'get' }).actions()
  t.match(action?.work, {
    with: { operationId: 'get', authentication: { scheme: 'bearer', members: { token } } },
  })
})
