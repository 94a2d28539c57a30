import t from 'tap'
import { RuleEngine } from '../../../domain/rules/evaluate.ts'
import type { RuleDefinition } from '../../../domain/rules/live-rule.ts'
import type { RuleSettings } from '../../../domain/rules/rule-settings.ts'
import { hasRegistryHistory, registryHistory } from '../../support/registry-history.ts'
import { ruleOf, schemaOf } from '../../support/rules.ts'

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

type History = ReturnType<typeof registryHistory>

/** Each evaluation as the text that is stored. `interrupted` events put the engine away and take it out again. */
function replay(history: History, interrupted: (index: number) => boolean): string[] {
  let engine = new RuleEngine(schemaOf)
  for (const rule of rules()) {
    engine.define(rule)
    engine.enable(rule.ruleId)
  }
  const [revised, suspended] = [rules()[3], rules()[7]]
  return history.flatMap((event, index) => {
    if (interrupted(index)) {
      const data = JSON.stringify(engine.data())
      engine = new RuleEngine(schemaOf)
      engine.restore(JSON.parse(data))
    }
    if (index === 2_000 && revised)
      engine.define({
        ...revised,
        version: 2,
        settings: { ...revised.settings, condition: 'true' },
      })
    if (index % 500 === 499 && suspended) engine.resume(suspended.ruleId)
    const evaluation = engine.handle(event)
    return evaluation === undefined ? [] : [JSON.stringify(evaluation)]
  })
}

t.test(
  'ten weeks of the official registry are evaluated the same again, byte for byte',
  { skip: !hasRegistryHistory && 'the real registry data is not here' },
  async (t) => {
    const history = registryHistory()
    const recorded = replay(history, () => false)
    t.equal(recorded.length, history.length, 'every event had a candidate')
    const again = replay(history, (index) => index % 997 === 13)
    t.equal(again.join('\n') === recorded.join('\n'), true)
    for (const verdict of ['matched', 'not-matched', 'failed', 'throttled', 'suspended', 'stopped'])
      t.ok(recorded.join('').includes(`"verdict":"${verdict}"`), `some are ${verdict}`)
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
