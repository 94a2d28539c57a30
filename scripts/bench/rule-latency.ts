import { randomUUID } from 'node:crypto'
import { streamName } from '../../domain/kernel/ids.ts'
import type { RuleSettings } from '../../domain/rules/rule-settings.ts'
import { createRuleState } from '../../infra/rules/rule-state.ts'
import type { EventStore, NewEvent } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { runRuleReactor } from '../../services/rules/reactor.ts'
import { latenciesAt, type Measurement, measurement, quantile } from './measure.ts'
import { BENCH_CONTEXT, type Stage } from './stage.ts'

const PER_SECOND = 1_000
const WARM_UP = 2_000
const EVENTS = 10_000
const RULES = 100
const INSTALLATIONS = 50

/**
 * From the append of an event to the append of what its rules say, at a steady 1,000 a second: 100 rules, five of
 * which are asked about each call, and one matches. Against a follower that appends an event for each batch and decides nothing.
 */
export async function benchRuleLatency(stage: Stage): Promise<Measurement> {
  const bare = await stage.database()
  const limit = await p99(bare.store, (store, signal) => echo(store, signal))
  const { store, pool } = await stage.database()
  await defineRules(store)
  const value = await p99(store, (heard, signal) =>
    runRuleReactor(
      {
        ...{ events: heard, store: heard, now: () => new Date(), random: Math.random },
        ...{ logger: silent, metrics: noMetrics, state: createRuleState(pool) },
        ...{ commands: new Map(), hold: (until, work) => work(until) },
        standing: { may: async () => true, scopesOf: async () => [] },
        webhooks: { call: async () => ({ delivered: true, status: 204 }) },
      },
      signal,
    ),
  )
  return measurement('rules.latency.p99', value, 'ms', limit)
}

/** Owed: the event that follows from it is in the log. */
async function p99(
  store: EventStore,
  follow: (heard: EventStore, signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const waiting = new Map<string, () => void>()
  const heard: EventStore = {
    append: async (stream, events, ...rest) => {
      const appended = await store.append(stream, events, ...rest)
      for (const { data } of events) waiting.get(String(data.eventId ?? data.tool))?.()
      return appended
    },
    readStream: (...args) => store.readStream(...args),
    readAll: (...args) => store.readAll(...args),
    follow: (...args) => store.follow(...args),
    head: () => store.head(),
    [Symbol.asyncDispose]: async () => {},
  }
  const stop = new AbortController()
  const following = follow(heard, stop.signal)
  const took = await latenciesAt(PER_SECOND, WARM_UP + EVENTS, WARM_UP, async (index) => {
    const event = call(index)
    const owed = new Promise<void>((resolve) => waiting.set(event.id, resolve))
    await store.append(streamName('calls', 'bench', `w${index % 8}`), [event], 'any', BENCH_CONTEXT)
    await owed
    waiting.delete(event.id)
    return 'done'
  })
  stop.abort()
  await following
  return quantile(took, 0.99)
}

/** Appends an event a batch; each event of the batch counts as answered then. */
async function echo(store: EventStore, signal: AbortSignal): Promise<void> {
  const after = await store.head()
  for await (const { events } of store.follow({ after, signal, types: ['ToolCalled'] })) {
    const answers = events
      .filter(({ stream }) => stream !== ECHO)
      .map(({ eventId }) => ({ ...call(0), data: { ...call(0).data, tool: eventId } }))
    if (answers.length > 0) await store.append(ECHO, answers, 'any', BENCH_CONTEXT)
  }
}

const ECHO = streamName('calls', 'bench', 'echo')

function call(index: number): NewEvent {
  const at = new Date().toISOString()
  return {
    id: randomUUID(),
    type: 'ToolCalled',
    data: {
      installationId: installation(index % INSTALLATIONS),
      ...{ serverName: 'io.example/server', version: '1.0.0', tool: `tool-${index % 30}` },
      ...{ durationMs: index % 500, outcome: index % 20 === 0 ? 'timeout' : 'ok' },
      ...{ requestBytes: 100, responseBytes: 200, calledAt: at },
    },
  }
}

function installation(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
}

async function defineRules(store: EventStore): Promise<void> {
  for (let index = 0; index < RULES; index++) {
    const ruleId = randomUUID()
    const everywhere = index < 3
    const settings: RuleSettings = {
      ...{ name: `rule ${index}`, on: ['ToolCalled'], priority: 0, stopAfter: false },
      ...{ budgetPerMinute: 10_000, actions: [] },
      condition: everywhere
        ? `event.data.durationMs ${index === 0 ? '>= 0.0' : '< 0.0'} && count('ToolCalled', '10m', it.outcome != 'ok') >= 0`
        : `event.subject == '${installation(index % INSTALLATIONS)}' && rate('ToolCalled', '10m', it.outcome != 'ok') > 0.5`,
    }
    const author = { actorId: 'key:bench', scopes: [] }
    const at = new Date().toISOString()
    const events = [
      { type: 'RuleDefined', data: { ruleId, version: 1, settings, author, definedAt: at } },
      { type: 'RuleEnabled', data: { ruleId, enabledAt: at } },
    ].map((event) => ({ id: randomUUID(), ...event }))
    await store.append(streamName('rule', 'bench', ruleId), events, 'no-stream', BENCH_CONTEXT)
  }
}
