import { eventDefinition } from '../../domain/event-catalogue.ts'
import type { RuleEngine } from '../../domain/rules/evaluate.ts'
import type { RuleDefinition } from '../../domain/rules/live-rule.ts'
import { type RuleEvent, ruleEventOf } from '../../domain/rules/rule-event.ts'
import type { EventSchemas } from '../../domain/rules/rule-scope.ts'
import type { RuleSettings } from '../../domain/rules/rule-settings.ts'

export const INSTALLATION = '11111111-1111-4111-8111-111111111111'
const START = Date.parse('2026-01-02T03:04:05.000Z')

export const schemaOf: EventSchemas = (type) => eventDefinition(type)?.definition.versions.at(-1)

/** A rule that asks every call of a tool, and fires as often as it matches. */
export function ruleOf(
  settings: Partial<RuleSettings> = {},
  ruleId = '22222222-2222-4222-8222-222222222222',
): RuleDefinition {
  return {
    ruleId,
    version: 1,
    settings: {
      name: 'A rule',
      on: ['ToolCalled'],
      condition: 'true',
      actions: [],
      priority: 0,
      stopAfter: false,
      budgetPerMinute: 10_000,
      ...settings,
    },
  }
}

/** The `index`th event of a log, by default a second after the one before. */
export function ruleEvent(
  index: number,
  type: string,
  data: Readonly<Record<string, unknown>>,
  others: Partial<RuleEvent> = {},
): RuleEvent {
  return {
    eventId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    stream: 'calls-acme.x',
    position: BigInt(index + 1),
    time: new Date(START + index * 1_000).toISOString(),
    actorId: 'key:k1',
    causationId: 'a request',
    type,
    data,
    ...others,
  }
}

export function toolCalled(
  index: number,
  data: Readonly<Record<string, unknown>> = {},
  others: Partial<RuleEvent> = {},
): RuleEvent {
  const call = {
    installationId: INSTALLATION,
    serverName: 'io.example/weather',
    version: '1.0.0',
    tool: 'forecast',
    durationMs: 12.5,
    outcome: 'ok',
    requestBytes: 100,
    responseBytes: 2_000,
    calledAt: new Date(START + index * 1_000).toISOString(),
  }
  return ruleEvent(index, 'ToolCalled', { ...call, ...data }, others)
}

/**
 * Fills the windows that a log's event at `index` needs, with no more of the log than has to be read.
 *
 * @returns of how many events; undefined when nothing had to be filled.
 */
export function fillBefore(
  engine: RuleEngine,
  log: readonly RuleEvent[],
  index: number,
): number | undefined {
  const filling = engine.filling(ruleEventOf(log[index] as RuleEvent).type)
  if (filling === undefined) return undefined
  const { after, types } = filling
  const wanted = log
    .slice(0, index)
    .filter(({ type, position }) => types.includes(type) && position > after)
  for (const event of wanted) filling.take(ruleEventOf(event))
  filling.end()
  return wanted.length
}
