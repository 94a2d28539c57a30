import t from 'tap'
import { RuleEngine } from '../../../domain/rules/evaluate.ts'
import type { RulesEvaluated } from '../../../domain/rules/evaluation.ts'
import { feed, type LoggedEvent } from '../../../domain/rules/feed.ts'
import type { RuleDefinition } from '../../../domain/rules/live-rule.ts'
import type { RuleEvent } from '../../../domain/rules/rule-event.ts'
import type { RuleSettings } from '../../../domain/rules/rule-settings.ts'
import { hasRegistryHistory, registryHistory } from '../../support/registry-history.ts'
import { fillBefore, ruleOf, schemaOf } from '../../support/rules.ts'

const ADDED = ['CatalogueEntryAdded']
const CHANGED = ['CatalogueEntryChanged']
const BOTH = [...ADDED, ...CHANGED]

const official = "event.data.entry._meta['io.modelcontextprotocol.registry/official']"
const publishers = ['ai.smithery/', 'com.', 'io.github.', 'ai.', 'io.github.b', 'com.a', 'io.']

/** Conditions of every kind that the language has, some of which fail on some entries. */
const conditions: readonly (readonly [on: readonly string[], condition: string])[] = [
  [ADDED, 'true'],
  [CHANGED, `${official}.isLatest == false`],
  [BOTH, "event.data.version.matches('^[0-9]+\\\\.[0-9]+\\\\.[0-9]+$')"],
  [BOTH, 'event.data.entry.server.packages.size() > 1'],
  [BOTH, "event.data.entry.server.packages.exists(p, p.registryType == 'oci')"],
  [BOTH, "event.data.entry.server.remotes.all(r, r.type == 'streamable-http')"],
  [
    BOTH,
    'event.data.entry.server.packages.exists(p, has(p.environmentVariables) && p.environmentVariables.exists(v, v.isSecret))',
  ],
  [ADDED, "count('CatalogueEntryAdded', '24h') > 3"],
  [BOTH, "rate('CatalogueEntryChanged', '7d', it.version.startsWith('0.')) > 0.5"],
  [CHANGED, "count('CatalogueEntryChanged', '1h since CatalogueEntryAdded') >= 1"],
  [
    ADDED,
    'has(facts.service.previousVersion) && facts.service.previousVersion > event.data.version',
  ],
  [ADDED, 'facts.service.versions > 10 && facts.service.versions % 5 == 0'],
  [BOTH, "event.time > timestamp('2025-12-01T00:00:00Z') && event.time.getDayOfWeek() == 0"],
  [BOTH, "size(event.data.entry.server.description) > 90 || event.data.entry.server.title == ''"],
  [CHANGED, "event.subject == 'official/ai.smithery/brave'"],
  [BOTH, "event.data.name in ['io.github.github/github-mcp-server', 'com.stripe/mcp']"],
  ...publishers.flatMap((name): readonly (readonly [readonly string[], string])[] => [
    [ADDED, `event.data.name.startsWith('${name}')`],
    [BOTH, `event.data.name.startsWith('${name}') && facts.service.versions >= 3`],
    [CHANGED, `event.data.name.startsWith('${name}') && count('CatalogueEntryChanged', '2d') > 2`],
  ]),
]

function rules(): readonly RuleDefinition[] {
  return conditions.map(([on, condition], index) => {
    const settings: Partial<RuleSettings> = {
      name: condition.slice(0, 200),
      on: [...on],
      condition,
      priority: index % 5,
      stopAfter: index % 17 === 16,
      budgetPerMinute: index % 4 === 3 ? 5 : 10_000,
      actions: [
        {
          kind: 'command',
          command: 'tell',
          parameters: { who: { cel: "event.data.name + '@' + event.data.version" } },
          onFailure: 'continue',
        },
      ],
    }
    if (index % 6 === 5) settings.throttle = { firings: 2, seconds: 3_600 }
    const ruleId = `44444444-4444-4444-8444-${String(index).padStart(12, '0')}`
    return ruleOf(settings, ruleId)
  })
}

/** It is made when most of what its window holds has happened. */
const late = ruleOf(
  { on: ADDED, condition: "count('CatalogueEntryAdded', '7d') > 3" },
  '55555555-5555-4555-8555-555555555555',
)

const author = { actorId: 'key:k1', scopes: ['rules:write'] }
const at = '2026-01-01T00:00:00.000Z'

function logged(
  event: Pick<RuleEvent, 'type' | 'data'> & Partial<LoggedEvent>,
  index: number,
): LoggedEvent {
  return {
    eventId: `66666666-6666-4666-8666-${String(index).padStart(12, '0')}`,
    stream: 'x-acme.x',
    revision: 0n,
    time: at,
    tenantId: 'acme',
    actorId: 'key:k1',
    correlationId: 'c',
    causationId: 'c',
    ...event,
    position: BigInt(index + 1),
  }
}

/** What people and the upstream do: rules are defined, history happens, rules change meanwhile. */
function* happenings(): Iterable<Pick<RuleEvent, 'type' | 'data'> & Partial<LoggedEvent>> {
  const all = rules()
  for (const { ruleId, version, settings } of all) {
    yield { type: 'RuleDefined', data: { ruleId, version, settings, author, definedAt: at } }
    yield { type: 'RuleEnabled', data: { ruleId, enabledAt: at } }
  }
  const [third, fourth, fifth] = all.slice(3) as [RuleDefinition, RuleDefinition, RuleDefinition]
  for (const [index, event] of registryHistory().entries()) {
    const { time } = event
    yield event
    if (index === 2_000) {
      const settings = { ...third.settings, condition: 'true' }
      const data = { ruleId: third.ruleId, version: 2, settings, author, revisedAt: time }
      yield { type: 'RuleRevised', time, data }
    }
    if (index === 2_200) {
      const about = { ruleId: late.ruleId, version: 1, settings: late.settings, author }
      yield { type: 'RuleDefined', time, data: { ...about, definedAt: time } }
      yield { type: 'RuleEnabled', time, data: { ruleId: late.ruleId, enabledAt: time } }
    }
    if (index === 2_500)
      yield { type: 'RuleDisabled', time, data: { ruleId: fourth.ruleId, disabledAt: time } }
    if (index === 2_600)
      yield { type: 'RuleRemoved', time, data: { ruleId: fifth.ruleId, removedAt: time } }
    if (index % 500 === 499)
      for (const { ruleId } of all.filter(({ settings }) => settings.budgetPerMinute === 5))
        yield { type: 'RuleResumed', time, data: { ruleId, resumedAt: time } }
  }
}

/** What the event at `index` makes of the rules, whose windows are filled where they have to be. */
function fed(engine: RuleEngine, log: readonly LoggedEvent[], index: number): RulesEvaluated[] {
  fillBefore(engine, log, index)
  return [feed(engine, log[index] as LoggedEvent) ?? []].flat()
}

/** The log with what a reactor that is some events behind recorded in it. */
function recordedLog(): readonly LoggedEvent[] {
  const log: LoggedEvent[] = []
  const engine = new RuleEngine(schemaOf)
  const append = (event: Parameters<typeof logged>[0]) => log.push(logged(event, log.length))
  let read = 0
  const catchUp = () => {
    const evaluations: RulesEvaluated[] = []
    for (; read < log.length; read++) evaluations.push(...fed(engine, log, read))
    for (const data of evaluations)
      append({
        type: 'RulesEvaluated',
        data,
        causationId: data.eventId,
        time: log.at(-1)?.time ?? at,
      })
  }
  let behind = 0
  for (const event of happenings()) {
    append(event)
    behind += 1
    if (behind % 37 === 0) catchUp()
  }
  catchUp()
  return log
}

/** What is evaluated when the log is read again, as text. `interrupted` puts the engine away and takes it out again. */
function replayed(log: readonly LoggedEvent[], interrupted: (index: number) => boolean): string[] {
  let engine = new RuleEngine(schemaOf)
  return log.flatMap((_, index) => {
    if (interrupted(index)) {
      const data = JSON.stringify(engine.data())
      engine = new RuleEngine(schemaOf)
      engine.restore(JSON.parse(data))
    }
    return fed(engine, log, index).map((evaluation) => JSON.stringify(evaluation))
  })
}

t.test(
  'ten weeks of the official registry, replayed, yield the recorded evaluations byte for byte',
  { skip: !hasRegistryHistory && 'the real registry data is not here' },
  async (t) => {
    const log = recordedLog()
    const recorded = log
      .filter(({ type }) => type === 'RulesEvaluated')
      .map(({ data }) => JSON.stringify(data))
    t.ok(recorded.length >= 3_955, 'every entry had a candidate')
    const again = replayed(log, (index) => index % 2_897 === 13)
    t.equal(again.join('\n') === recorded.join('\n'), true)
    for (const verdict of ['matched', 'not-matched', 'failed', 'throttled', 'suspended', 'stopped'])
      t.ok(recorded.join('').includes(`"verdict":"${verdict}"`), `some are ${verdict}`)
    t.ok(recorded.join('').includes('"version":2'), 'some by a newer version of a rule')
    const byLate = log.flatMap(({ type, data }) =>
      type === 'RulesEvaluated'
        ? (data as RulesEvaluated).rules.filter(({ ruleId }) => ruleId === late.ruleId)
        : [],
    )
    t.ok(
      byLate.slice(0, 20).some(({ verdict }) => verdict === 'matched'),
      'a new rule counts what was before it',
    )
  },
)

t.test(
  'rules match the entries that a look at the data finds',
  { skip: !hasRegistryHistory && 'the real registry data is not here' },
  async (t) => {
    const history = registryHistory()
    const rule = ruleOf({
      on: CHANGED,
      condition: `${official}.isLatest == false && event.data.name.startsWith('io.github.')`,
    })
    const engine = new RuleEngine(schemaOf)
    engine.define(rule)
    engine.enable(rule.ruleId)
    const matched = history.filter((event) =>
      engine.handle(event)?.rules.some(({ verdict }) => verdict === 'matched'),
    )
    const expected = history.filter(({ type, data }) => {
      const { _meta: meta } = data.entry as { _meta: Record<string, { isLatest?: boolean }> }
      const latest = meta['io.modelcontextprotocol.registry/official']?.isLatest
      const named = String(data.name).startsWith('io.github.')
      return type === 'CatalogueEntryChanged' && latest === false && named
    })
    t.ok(expected.length > 100)
    t.same(
      matched.map(({ eventId }) => eventId),
      expected.map(({ eventId }) => eventId),
    )
  },
)
