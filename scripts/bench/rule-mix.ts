import type { RuleDefinition } from '../../domain/rules/live-rule.ts'
import type { RuleEvent } from '../../domain/rules/rule-event.ts'

// Rules as ten thousand of them are spread: most watch one installation, some one tool, some a
// publisher, few everything. Each is made twice: for Tidemark, and for json-rules-engine.

const INSTALLATIONS = 2_000
const TOOLS = 300
const START = Date.UTC(2026, 0, 1)

type Part = {
  readonly cel: string
  readonly json: {
    readonly fact: 'event' | 'window'
    readonly path?: string
    readonly operator: string
    readonly value: unknown
  }
}

export type MixedRule = {
  readonly definition: RuleDefinition
  readonly json: readonly Part['json'][]
  readonly on: string
}

function field(path: string, operator: '==' | '!=' | '>' | '<', value: string | number): Part {
  const operators = { '==': 'equal', '!=': 'notEqual', '>': 'greaterThan', '<': 'lessThan' }
  return {
    cel: `event.${path} ${operator} ${JSON.stringify(value)}`,
    json: { fact: 'event', path: `$.${path}`, operator: operators[operator], value },
  }
}

const failing = field('data.outcome', '!=', 'ok')

function idOf(installation: number): string {
  return `00000000-0000-4000-8000-${String(installation).padStart(12, '0')}`
}

/** By the last digit of its number. */
function partsOf(rule: number): { readonly on: string; readonly parts: readonly Part[] } {
  const watched = field('subject', '==', idOf(rule % INSTALLATIONS))
  const slow = field('data.durationMs', '>', 1_000 + (rule % 900))
  switch (rule % 10) {
    case 0:
    case 1:
    case 2:
    case 3:
      return { on: 'ToolCalled', parts: [watched, failing, slow] }
    case 4: {
      const cel = "rate('ToolCalled', '10m', it.outcome != 'ok') > 0.5"
      const json = { fact: 'window', operator: 'greaterThan', value: 0.5 } as const
      return { on: 'ToolCalled', parts: [watched, { cel, json }] }
    }
    case 5:
    case 6:
      return {
        on: 'ToolCalled',
        parts: [field('data.tool', '==', `tool-${rule % TOOLS}`), slow, failing],
      }
    case 7:
      return {
        on: 'CatalogueEntryAdded',
        parts: [field('data.name', '==', `io.example/server-${rule}`)],
      }
    case 8:
      return {
        on: 'UsageTracked',
        parts: [field('data.serviceId', '==', `io.example/server-${rule % 500}`), slow],
      }
    default:
      return {
        on: 'ToolCalled',
        parts: [field('data.responseBytes', '>', 90_000 + rule), field('data.version', '==', '2')],
      }
  }
}

export function mixedRules(count: number): readonly MixedRule[] {
  return Array.from({ length: count }, (_, rule) => {
    const { on, parts } = partsOf(rule)
    const settings = {
      name: `Rule ${rule}`,
      on: [on],
      condition: parts.map(({ cel }) => cel).join(' && '),
      actions: [],
      priority: rule % 3,
      stopAfter: false,
      budgetPerMinute: 10_000,
    }
    const ruleId = `10000000-0000-4000-8000-${String(rule).padStart(12, '0')}`
    return { definition: { ruleId, version: 1, settings }, json: parts.map(({ json }) => json), on }
  })
}

/** Of ten events six are calls, three uses and one is an entry, ten a second. */
export function mixedEvents(count: number): readonly RuleEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const time = new Date(START + index * 100).toISOString()
    const meta = {
      eventId: `20000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      stream: 'calls-bench.x',
      position: BigInt(index + 1),
      time,
      actorId: 'key:k1',
      causationId: `request ${index}`,
    }
    return { ...meta, ...contentOf(index, time) }
  })
}

function contentOf(index: number, time: string): Pick<RuleEvent, 'type' | 'data'> {
  const spread = (index * 7_919) % 100_003
  const server = `io.example/server-${spread % 10_000}`
  if (index % 10 === 9)
    return {
      type: 'CatalogueEntryAdded',
      data: { sourceId: 'official', name: server, version: '1.0.0', entry: {}, problems: [] },
    }
  const durationMs = spread % 2_000
  if (index % 10 > 5)
    return {
      type: 'UsageTracked',
      data: { serviceId: server, tool: 'a', durationMs, outcome: 'ok', occurredAt: time },
    }
  return {
    type: 'ToolCalled',
    data: {
      installationId: idOf(spread % INSTALLATIONS),
      serverName: server,
      version: '1.0.0',
      tool: `tool-${spread % TOOLS}`,
      durationMs,
      outcome: spread % 20 === 0 ? 'tool-error' : 'ok',
      requestBytes: 100,
      responseBytes: spread,
      calledAt: time,
    },
  }
}
