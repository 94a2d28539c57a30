import t from 'tap'
import { RuleEngine } from '../../../domain/rules/evaluate.ts'
import type { RuleDefinition } from '../../../domain/rules/live-rule.ts'
import type { RuleEvent } from '../../../domain/rules/rule-event.ts'
import { INSTALLATION, ruleEvent, ruleOf, schemaOf, toolCalled } from '../../support/rules.ts'

const FIRST = '00000000-0000-4000-8000-00000000000a'
const SECOND = '00000000-0000-4000-8000-00000000000b'

function engineWith(...rules: readonly RuleDefinition[]): RuleEngine {
  const engine = new RuleEngine(schemaOf)
  for (const rule of rules) {
    engine.define(rule)
    engine.enable(rule.ruleId)
  }
  return engine
}

function verdictsOf(engine: RuleEngine, events: readonly RuleEvent[]): unknown[] {
  return events.map((event) => engine.handle(event)?.rules.map(({ verdict }) => verdict))
}

t.test('a match says which values it read, and what it owes', async (t) => {
  const engine = engineWith(
    ruleOf({
      condition: "event.data.outcome != 'ok' && count('ToolCalled', '10m') >= 2",
      actions: [
        {
          kind: 'command',
          command: 'roll-back',
          parameters: {
            installationId: { cel: 'event.data.installationId' },
            note: ['because of', { cel: "event.data.tool + '!'" }],
          },
          onFailure: 'stop',
        },
      ],
    }),
  )
  t.match(engine.handle(toolCalled(0, { outcome: 'timeout' })), {
    rules: [{ verdict: 'not-matched', values: undefined }],
  })
  t.same(engine.handle(toolCalled(1, { outcome: 'timeout' })), {
    eventId: toolCalled(1).eventId,
    eventType: 'ToolCalled',
    position: '2',
    subject: INSTALLATION,
    depth: 0,
    rules: [
      {
        ruleId: ruleOf().ruleId,
        version: 1,
        verdict: 'matched',
        values: [
          { path: 'event.data.outcome', value: 'timeout' },
          { path: "count('ToolCalled', '10m')", value: 2 },
        ],
        actions: [
          {
            kind: 'command',
            command: 'roll-back',
            parameters: { installationId: INSTALLATION, note: ['because of', 'forecast!'] },
            onFailure: 'stop',
          },
        ],
      },
    ],
  })
})

t.test('an event that no rule can match is not evaluated', async (t) => {
  const engine = engineWith(ruleOf({ condition: "event.data.tool == 'other' && true" }))
  t.equal(engine.handle(toolCalled(0)), undefined)
  t.equal(engine.handle(ruleEvent(1, 'RegistrySyncStarted', { sourceId: 'official' })), undefined)
})

t.test('rules are asked by priority, and one may be the last', async (t) => {
  const engine = engineWith(
    ruleOf({ priority: 1 }, FIRST),
    ruleOf({ priority: 2, stopAfter: true, condition: "event.data.outcome != 'ok'" }, SECOND),
  )
  t.same(verdictsOf(engine, [toolCalled(0), toolCalled(1, { outcome: 'timeout' })]), [
    ['not-matched', 'matched'],
    ['matched', 'stopped'],
  ])
})

t.test('a throttle is for one subject', async (t) => {
  const engine = engineWith(ruleOf({ throttle: { firings: 1, seconds: 60 } }))
  t.same(
    verdictsOf(engine, [
      toolCalled(0),
      toolCalled(1),
      toolCalled(2, { installationId: 'another' }),
      toolCalled(60),
    ]),
    [['matched'], ['throttled'], ['matched'], ['matched']],
  )
})

t.test('a rule above its budget is suspended, until somebody resumes it', async (t) => {
  const rule = ruleOf({ budgetPerMinute: 2 })
  const engine = engineWith(rule)
  t.same(
    verdictsOf(
      engine,
      [0, 1, 2, 3, 100].map((index) => toolCalled(index)),
    ),
    [['matched'], ['matched'], ['suspended'], undefined, undefined],
  )
  engine.resume(rule.ruleId)
  t.same(verdictsOf(engine, [toolCalled(101)]), [['matched']])
})

t.test('an event that was caused through more than eight rule actions fires none', async (t) => {
  const engine = engineWith(ruleOf())
  let cause = 'a request'
  const verdicts = Array.from({ length: 10 }, (_, round) => {
    const event = toolCalled(2 * round, {}, { causationId: cause })
    const answer = engine.handle(event)
    const recorded = ruleEvent(2 * round + 1, 'RulesEvaluated', {}, { causationId: event.eventId })
    engine.handle(recorded)
    cause = recorded.eventId
    return [answer?.depth, answer?.rules[0]?.verdict]
  })
  t.same(verdicts.slice(0, 2), [
    [0, 'matched'],
    [1, 'matched'],
  ])
  t.same(verdicts.slice(8), [
    [8, 'matched'],
    [9, 'too-deep'],
  ])
})

t.test('what fails is said, and the other rules are asked', async (t) => {
  const engine = engineWith(
    ruleOf({ condition: 'facts.installation.quarantined', priority: 1 }, FIRST),
    ruleOf({ condition: '1 / 0 == 1' }, SECOND),
    ruleOf({
      actions: [
        { kind: 'command', command: 'x', parameters: { a: { cel: '1 / 0' } }, onFailure: 'stop' },
      ],
    }),
    ruleOf({ condition: 'event.data.gone', priority: -1 }, '99999999-9999-4999-8999-999999999999'),
  )
  t.match(engine.handle(toolCalled(0)), {
    rules: [
      { verdict: 'failed', reason: /there is no installation\. \(line 1, column 1\)/ },
      { verdict: 'failed', reason: 'Division by zero. (line 1, column 1)' },
      { verdict: 'failed', reason: 'Division by zero. (line 1, column 1)' },
      { verdict: 'failed', reason: 'No such key: gone.' },
    ],
  })
})

t.test('however many rules an event has, its evaluation fits into an append', async (t) => {
  const greedy = {
    kind: 'command',
    command: 'x',
    parameters: { text: 'ü'.repeat(8_000) },
    onFailure: 'stop',
  } as const
  const failing = `"${'x'.repeat(700)}" == event.data.tool || 1 / 0 == 1`
  const rules = Array.from({ length: 6_000 }, (_, index) =>
    ruleOf(
      index % 2 === 0 ? { actions: [greedy] } : { condition: failing },
      `55555555-5555-4555-8555-${String(index).padStart(12, '0')}`,
    ),
  )
  const evaluation = engineWith(...rules).handle(toolCalled(0))
  t.ok(Buffer.byteLength(JSON.stringify(evaluation)) < 1_000_000)
  t.match(evaluation, { notAsked: 2_000 })
  const verdicts = evaluation?.rules.map(({ verdict }) => verdict)
  t.equal(verdicts?.filter((verdict) => verdict === 'matched').length, 18)
})

t.test('rules that cost much do not cost much together', async (t) => {
  const wild = Array.from({ length: 100 }, (_, index) =>
    ruleOf(
      {
        on: ['custom.Sent'],
        condition: 'event.data.list.all(a, event.data.list.exists(b, b == a))',
        priority: index === 99 ? 1 : 0,
      },
      `55555555-5555-4555-8555-${String(index).padStart(12, '0')}`,
    ),
  )
  const list = Array.from({ length: 120 }, (_, index) => index)
  const sent = ruleEvent(0, 'custom.Sent', { list })
  const answers = engineWith(...wild).handle(sent)?.rules ?? []
  t.equal(answers[0]?.verdict, 'matched')
  t.match(answers.at(-1), {
    verdict: 'failed',
    reason: 'The rules of this event take more than 1,000,000 steps together.',
  })
  t.match(engineWith(ruleOf()).handle(toolCalled(1)), { rules: [{ verdict: 'matched' }] })
})

t.test('facts are those of the log up to the event and with it', async (t) => {
  const engine = engineWith(
    ruleOf({
      on: ['ServerUpdated', 'ToolCalled'],
      condition: "facts.installation.previousVersion == '1.0.0' && facts.statistics.calls >= 1",
    }),
  )
  const about = { installationId: INSTALLATION, attemptId: INSTALLATION }
  const server = { sourceId: 'official', serverName: 'io.example/weather' }
  t.same(
    verdictsOf(engine, [
      ruleEvent(0, 'InstallationRequested', { ...about, ...server }),
      ruleEvent(1, 'ServerInstalled', { ...about, version: '1.0.0' }),
      ruleEvent(2, 'ServerUpdated', { ...about, from: '1.0.0', to: '2.0.0' }),
      toolCalled(3),
    ]),
    [undefined, undefined, ['not-matched'], ['matched']],
  )
})

t.test('a window may begin with another event', async (t) => {
  const engine = engineWith(
    ruleOf({
      condition: "rate('ToolCalled', '10m since ServerUpdated', it.outcome != 'ok') >= 0.5",
    }),
  )
  const failing = { outcome: 'timeout' }
  const updated = { installationId: INSTALLATION, from: '1', to: '2' }
  t.same(
    verdictsOf(engine, [
      toolCalled(0, failing),
      ruleEvent(1, 'ServerUpdated', updated),
      toolCalled(2),
      toolCalled(3, failing),
      toolCalled(700, failing),
    ]),
    [['not-matched'], undefined, ['not-matched'], ['matched'], ['not-matched']],
  )
})

t.test('a new version counts from where it was defined', async (t) => {
  const rule = ruleOf({ condition: 'false' })
  const engine = engineWith(rule)
  t.match(engine.handle(toolCalled(0)), { rules: [{ version: 1, verdict: 'not-matched' }] })
  engine.define({ ...rule, version: 2, settings: { ...rule.settings, condition: 'true' } })
  t.match(engine.handle(toolCalled(1)), { rules: [{ version: 2, verdict: 'matched' }] })
  engine.disable(rule.ruleId)
  t.equal(engine.handle(toolCalled(2)), undefined)
  engine.enable(rule.ruleId)
  t.match(engine.handle(toolCalled(3)), { rules: [{ verdict: 'matched' }] })
  engine.remove(rule.ruleId)
  t.equal(engine.handle(toolCalled(4)), undefined)
  t.same(engine.sizes(), { rules: 0, windows: 0, slots: 0 })
})

t.test('an engine that was put away and taken out again decides the same', async (t) => {
  const rules = [
    ruleOf({
      condition: "percentile('ToolCalled', '1m', it.durationMs, 0.9) > 20.0",
      throttle: { firings: 3, seconds: 20 },
    }),
    ruleOf({ condition: 'facts.statistics.callsToday % 7 == 0', budgetPerMinute: 4 }, FIRST),
  ]
  const events = Array.from({ length: 400 }, (_, index) =>
    toolCalled(index, { durationMs: (index * 7) % 31, installationId: `i${index % 3}` }),
  )
  const [straight, before] = [engineWith(...rules), engineWith(...rules)]
  for (const event of events.slice(0, 200)) {
    straight.handle(event)
    before.handle(event)
  }
  const after = new RuleEngine(schemaOf)
  after.restore(JSON.parse(JSON.stringify(before.data())))
  const rest = events.slice(200)
  t.same(
    rest.map((event) => after.handle(event)),
    rest.map((event) => straight.handle(event)),
  )
  t.same(after.data(), straight.data())
})
