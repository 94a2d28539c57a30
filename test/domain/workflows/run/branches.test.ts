import t from 'tap'
import { RunScenario, workflow } from '../../../support/workflow-run.ts'

const fork = (compete: boolean) =>
  workflow([
    { both: { fork: { compete, branches: [{ a: { call: 'x' } }, { b: { call: 'y' } }] } } },
  ])

t.test('branches of a fork are owed at once, and all are waited for', async (t) => {
  const run = new RunScenario(fork(false))
  t.same(run.owes(), ['a', 'b'])
  run.gives('b', 2)
  t.same(run.owes(), ['a'])
  run.gives('a', 1)
  t.same(run.output, [1, 2])
})

t.test('of competing branches the first wins, the others are cancelled', async (t) => {
  const run = new RunScenario(fork(true))
  run.gives('b', 'fast')
  t.equal(run.output, 'fast')
  t.ok(run.told().includes('TaskCancelled'))
})

t.test('a branch that faults ends the others, whose outcome is waited for', async (t) => {
  const run = new RunScenario(fork(false))
  run.fails('a')
  t.same([run.status, run.owes()], ['ending', ['b']])
  run.gives('b', 2)
  run.goOn()
  t.equal(run.status, 'faulted')
  t.match(run.error, { status: 503, instance: '/do/0/both/fork/branches/0/a' })
})

const attempt = (retry: object, rest: object = {}) =>
  workflow([{ safe: { try: [{ call: { call: 'x' } }], catch: { retry, ...rest } } }])

t.test('a try retries after delays that grow as its policy says', async (t) => {
  const delays = (backoff: object) => {
    const run = new RunScenario(
      attempt({ delay: { seconds: 2 }, backoff, limit: { attempt: { count: 3 } } }),
    )
    const waited: number[] = []
    while (run.status === 'running') {
      const before = Date.parse(run.now)
      run.fails('call')
      run.goOn()
      if (run.status !== 'running') break
      run.nextTimer()
      waited.push(Date.parse(run.now) - before)
    }
    return [run.status, ...waited]
  }
  t.same(delays({ constant: {} }), ['faulted', 2_000, 2_000, 2_000])
  t.same(delays({ linear: {} }), ['faulted', 2_000, 4_000, 6_000])
  t.same(delays({ exponential: {} }), ['faulted', 2_000, 4_000, 8_000])
})

t.test('jitter is added, and the whole of the attempts has a limit', async (t) => {
  const jitter = { from: { seconds: 1 }, to: { seconds: 3 } }
  const run = new RunScenario(attempt({ delay: 'PT1S', jitter, limit: { duration: 'PT5S' } }))
  run.fails('call').nextTimer()
  t.equal(run.now, '2026-01-01T00:00:03.000Z')
  run.fails('call')
  run.goOn()
  t.equal(run.status, 'faulted')
})

t.test('an attempt that takes longer than its limit counts as one that failed', async (t) => {
  const limit = { attempt: { count: 1, duration: 'PT5S' } }
  const run = new RunScenario(attempt({ delay: 'PT2S', limit }))
  run.nextTimer()
  t.equal(run.now, '2026-01-01T00:00:05.000Z')
  t.same(run.owes(), [])
  t.match(run.told().slice(-2), ['TaskFaulted', 'TaskRetryScheduled'])
  run.clock('2026-01-01T01:00:00.000Z')
  t.match(run.actions(), [{ attempt: 2 }], 'a new one has the whole of its time')
  run.nextTimer()
  t.equal(run.now, '2026-01-01T01:00:05.000Z')
  t.match(run.error, { type: /timeout$/, status: 408, instance: '/do/0/safe/try/0/call' })
})

t.test('the time of an attempt is over with it', async (t) => {
  const limit = { attempt: { count: 3, duration: 'PT5S' } }
  const handled = new RunScenario(
    attempt({ when: 'false', limit }, { do: [{ handle: { call: 'y' } }] }),
  )
  handled.fails('call').clock('2026-01-01T00:01:00.000Z')
  t.same(handled.gives('handle', 1).output, 1, 'what is done about an error has no part in it')
  const inner = workflow([
    {
      safe: {
        try: [
          { deep: { try: [{ call: { call: 'x' } }], catch: { do: [{ no: { wait: 'P1D' } }] } } },
        ],
        catch: {
          as: 'why',
          retry: { limit: { attempt: { count: 0, duration: 'PT5S' } } },
          do: [{ tell: { set: '${ $why.status }' } }],
        },
      },
    },
  ])
  t.equal(new RunScenario(inner).nextTimer().output, 408, 'no `try` inside of it catches that')
})

t.test('an attempt that succeeds ends the try', async (t) => {
  const run = new RunScenario(attempt({ delay: 'PT1S' }))
  run.fails('call').nextTimer()
  t.match(run.actions(), [{ attempt: 2 }])
  t.same(run.gives('call', 'well').output, 'well')
})

t.test('a catch takes the errors that it names, and knows the error by its name', async (t) => {
  const caught = (rest: object) =>
    workflow([
      {
        safe: {
          try: [{ call: { call: 'x' } }],
          catch: { as: 'why', do: [{ note: { set: { status: '${ $why.status }' } } }], ...rest },
        },
      },
    ])
  const end = (rest: object) => {
    const run = new RunScenario(caught(rest)).fails('call')
    run.goOn()
    return run.output ?? run.error?.status
  }
  t.same(end({}), { status: 503 })
  t.same(end({ errors: { with: { status: 503 } } }), { status: 503 })
  t.same(end({ errors: { with: { status: 404 } } }), 503)
  t.same(end({ when: '$why.status == 503' }), { status: 503 })
  t.same(end({ exceptWhen: '$why.status == 503' }), 503)
})

t.test('raise raises an error that is written there or has a name', async (t) => {
  const error = { type: 'https://example.org/no', status: 418, title: '${ "is " + .why }' }
  const named = workflow([{ no: { raise: { error: 'no' } } }], { use: { errors: { no: error } } })
  t.match(new RunScenario(named, { why: 'so' }).error, { status: 418, title: 'is so' })
  const unknown = workflow([{ no: { raise: { error: 'else' } } }])
  t.match(new RunScenario(unknown).error, { type: /configuration$/ })
})

const compensated = (name: string) => ({
  [name]: {
    call: name,
    metadata: { 'tidemark.compensate': { call: `undo-${name}`, with: { id: '${ .id }' } } },
  },
})

t.test('what a run that fails has done is taken back, the last first', async (t) => {
  const run = new RunScenario(workflow([compensated('a'), compensated('b'), { c: { call: 'c' } }]))
  run.gives('a', { id: 1 }).gives('b', { id: 2 }).fails('c')
  run.goOn()
  t.match(run.actions(), [{ work: { call: 'undo-b', with: { id: 2 } } }])
  run.fails('tidemark.compensate')
  run.goOn()
  t.match(run.actions(), [{ work: { call: 'undo-a', with: { id: 1 } } }])
  run.gives('tidemark.compensate', null)
  run.goOn()
  t.equal(run.status, 'faulted')
  t.match(run.error, { status: 503 })
  t.match(
    run.events.find(({ type }) => type === 'CompensationCompleted'),
    { data: { failed: [2] } },
  )
})

t.test('what is not to be taken back any more is skipped, and the run still ends', async (t) => {
  const undo = { if: '${ false }', call: 'undo' }
  const skipping = { b: { call: 'b', metadata: { 'tidemark.compensate': undo } } }
  const run = new RunScenario(workflow([compensated('a'), skipping, { c: { call: 'c' } }]))
  run.gives('a', { id: 1 }).gives('b', null).fails('c')
  run.goOn()
  t.match(run.actions(), [{ work: { call: 'undo-a' } }])
  run.gives('tidemark.compensate', null)
  run.goOn()
  t.equal(run.status, 'faulted')
})

t.test('a task inside a compensation can ask for approval', async (t) => {
  const metadata = { 'tidemark.approve': { by: { scope: 'workflows:write' }, within: 'PT1H' } }
  const undo = { do: [{ undo: { call: 'undo', metadata } }] }
  const asking = { a: { call: 'a', metadata: { 'tidemark.compensate': undo } } }
  const failed = () => {
    const run = new RunScenario(workflow([asking, { c: { call: 'c' } }]))
    run.gives('a', 1).fails('c')
    run.goOn()
    return run
  }
  const approved = failed()
  approved.answer('approve', { scopes: ['workflows:write'] })
  t.equal(approved.gives('undo', null).status, 'faulted')
  t.equal(failed().nextTimer().status, 'faulted')
})

t.test('a cancelled run waits for what is under way, then takes everything back', async (t) => {
  const run = new RunScenario(workflow([compensated('a'), compensated('b')]))
  run.gives('a', { id: 1 })
  t.equal(run.tell('CancelRun'), undefined)
  t.same(run.owes(), ['b'])
  run.gives('b', { id: 2 })
  run.goOn()
  t.match(run.actions(), [{ work: { call: 'undo-b' } }])
  run.gives('tidemark.compensate', null)
  run.goOn()
  run.gives('tidemark.compensate', null)
  run.goOn()
  t.equal(run.status, 'cancelled')
  t.equal(run.tell('CancelRun'), undefined)
  t.equal(run.tell('SuspendRun'), 'run-over')
})
