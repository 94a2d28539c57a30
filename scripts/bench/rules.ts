import { Engine } from 'json-rules-engine'
import { eventDefinition } from '../../domain/event-catalogue.ts'
import { compileRule } from '../../domain/rules/compiled-rule.ts'
import { ExpressionCompiler, evaluate } from '../../domain/rules/condition/condition.ts'
import type { WindowReading } from '../../domain/rules/condition/run.ts'
import { RuleEngine } from '../../domain/rules/evaluate.ts'
import type { RuleEvent } from '../../domain/rules/rule-event.ts'
import { RuleIndex } from '../../domain/rules/rule-index.ts'
import { subjectOf } from '../../domain/rules/subject.ts'
import { needsOf } from '../../domain/rules/what-if.ts'
import { createWorkerPool } from '../../infra/workers/pool.ts'
import { preview } from '../../services/rules/preview.ts'
import { alternately, type Measurement, measurement, secondsOf } from './measure.ts'
import { fillRealistically } from './realistic-log.ts'
import { barePages } from './replay.ts'
import { type MixedRule, mixedEvents, mixedRules } from './rule-mix.ts'
import type { Stage } from './stage.ts'

const RULES = 10_000
const EVENTS = 50_000
/** json-rules-engine asks every rule about every event. */
const FEW_EVENTS = 20
const ROUNDS = 3
const HISTORY = 100_000

const schemaOf = (type: string) => eventDefinition(type)?.definition.versions.at(-1)

/** Events a second with 10,000 rules; against a bare compiled closure a candidate, and json-rules-engine with the same rules. */
export async function benchRuleEvaluation(): Promise<readonly Measurement[]> {
  const rules = mixedRules(RULES)
  const events = mixedEvents(EVENTS)
  const compiler = new ExpressionCompiler()
  const bare = bareCandidates(rules, events, compiler)
  const { value, limit } = await alternately(
    ROUNDS,
    async () => {
      const engine = engineOf(rules, compiler)
      return (
        EVENTS /
        (await secondsOf(async () => {
          for (const each of events) engine.handle(each)
        }))
      )
    },
    async () => EVENTS / (await secondsOf(async () => bare())),
  )
  const few = events.slice(0, FEW_EVENTS)
  const theirs = FEW_EVENTS / (await jsonRulesSeconds(rules, few, compiler))
  return [
    measurement('rules.eval', value, 'events/s', limit),
    measurement('rules.jsonrulesengine', theirs, 'events/s', value),
  ]
}

function engineOf(rules: readonly MixedRule[], compiler: ExpressionCompiler): RuleEngine {
  const engine = new RuleEngine(schemaOf, compiler)
  for (const { definition } of rules) {
    engine.define(definition)
    engine.enable(definition.ruleId)
  }
  return engine
}

const NOTHING: WindowReading = { total: 0, matched: 0, sum: () => 0, percentile: () => 0 }

/** Who has to be asked is looked up before; what is left is to call each closure. */
function bareCandidates(
  rules: readonly MixedRule[],
  events: readonly RuleEvent[],
  compiler: ExpressionCompiler,
): () => void {
  const index = new RuleIndex<ReturnType<typeof conditionOf>>()
  for (const rule of rules) {
    const condition = conditionOf(rule, compiler)
    index.add(condition, [rule.on], condition.conjuncts)
  }
  const asked = events.flatMap((event) => {
    const view = { ...event, subject: subjectOf(event)?.id }
    return [...index.candidates(event.type, view)].map((condition) => ({
      condition,
      subject: { roots: { event: view, facts: {} }, windows: condition.windows.map(() => NOTHING) },
    }))
  })
  return () => {
    for (const { condition, subject } of asked) evaluate(condition, subject)
  }
}

function conditionOf({ definition: { settings } }: MixedRule, compiler: ExpressionCompiler) {
  const compiled = compileRule(settings, schemaOf, compiler)
  if ('problem' in compiled) throw new Error(compiled.problem.message)
  return compiled.rule.condition
}

/** @throws {Error} when the two engines do not find the same matches. */
async function jsonRulesSeconds(
  rules: readonly MixedRule[],
  events: readonly RuleEvent[],
  compiler: ExpressionCompiler,
): Promise<number> {
  const engine = new Engine()
  for (const { definition, json, on } of rules) {
    const type = { fact: 'event', path: '$.type', operator: 'equal', value: on }
    engine.addRule({
      conditions: { all: [type, ...json] },
      event: { type: definition.ruleId },
    })
  }
  const ours = engineOf(rules, compiler)
  let seconds = 0
  for (const event of events) {
    const { type, data } = event
    const facts = { event: { type, data, subject: subjectOf(event)?.id }, window: 0 }
    let found: readonly string[] = []
    seconds += await secondsOf(async () => {
      found = (await engine.run(facts)).events.map((each) => each.type)
    })
    const matched = ours.handle(event)?.rules.filter(({ verdict }) => verdict === 'matched') ?? []
    if (String(found.toSorted()) !== String(matched.map(({ ruleId }) => ruleId).toSorted()))
      throw new Error(`The engines differ: ${found} and ${JSON.stringify(matched)}`)
  }
  return seconds
}

/** A preview with a window and facts over a log of a busy team, against bare pages whose texts are parsed. */
export async function benchRulePreview(stage: Stage): Promise<Measurement> {
  const { pool, store } = await stage.database()
  await fillRealistically(store, HISTORY)
  // In life the server does it within a minute.
  await pool.query('analyze log.events')
  await using workers = createWorkerPool({ maxThreads: 1 })
  const settings = {
    name: 'Too many errors',
    on: ['ToolCalled', 'UsageTracked', 'CatalogueEntryAdded'],
    condition:
      "has(event.data.outcome) && event.data.outcome != 'ok' && event.data.durationMs > 1900",
    actions: [],
    priority: 0,
    stopAfter: false,
    budgetPerMinute: 10_000,
  }
  const compiled = compileRule(settings, schemaOf, new ExpressionCompiler())
  if ('problem' in compiled) throw new Error(compiled.problem.message)
  const needs = needsOf(settings.on, compiled.rule)
  const ask = () =>
    preview(
      { log: store, workers },
      {
        ...{ tenantId: 'bench', rule: { ruleId: 'bench', version: 1, settings }, needs },
        ...{ range: {}, limit: 100, maxEvents: HISTORY * 2, tooDeep: [], comparison: undefined },
      },
      new AbortController().signal,
      () => {},
    )
  await ask()
  const { value, limit } = await alternately(
    ROUNDS,
    async () => {
      let read = 0
      const seconds = await secondsOf(async () => {
        read = (await ask()).read
      })
      return read / seconds
    },
    async () => HISTORY / (await secondsOf(() => barePages(pool))),
  )
  return measurement('rules.preview', value, 'events/s', limit)
}
