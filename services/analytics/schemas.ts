import { Type } from 'typebox'
import { UsageTrackedV1 } from '../../domain/analytics/events.ts'

const closed = { additionalProperties: false }

const { serviceId, tool, durationMs, outcome, occurredAt } = UsageTrackedV1.properties

export const MAX_TRACKED = 500

export const Tracked = Type.Object(
  {
    serviceId,
    tool,
    durationMs,
    outcome,
    occurredAt: Type.Optional({ ...occurredAt, description: 'by default now' }),
  },
  closed,
)

export const TrackBody = Type.Union([
  Tracked,
  Type.Array(Tracked, { minItems: 1, maxItems: MAX_TRACKED }),
])

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,200}$',
      description: 'The same key is the same request: it is carried out once.',
    }),
  ),
})

const DAY = 'YYYY-MM-DD, UTC, inclusive'
const day = Type.String({ format: 'date', description: DAY })

export const RangeQuery = Type.Object({
  from: Type.Optional({ ...day, description: `${DAY}; by default 29 days before \`to\`` }),
  to: Type.Optional({ ...day, description: `${DAY}; by default today` }),
})

export const ServiceParams = Type.Object({ serviceId })

const count = Type.Integer({ minimum: 0 })
const milliseconds = Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
  description: 'ms, within 1 % of the exact value; null without a call',
})

const figures = {
  calls: count,
  errors: count,
  errorRate: Type.Number({ minimum: 0, maximum: 1 }),
  meanMs: milliseconds,
  p50Ms: milliseconds,
  p95Ms: milliseconds,
  p99Ms: milliseconds,
  requestBytes: count,
  responseBytes: count,
}

export const ServiceUsage = Type.Object({
  serviceId,
  from: day,
  to: day,
  total: Type.Object(figures),
  days: Type.Array(Type.Object({ day, ...figures })),
  tools: Type.Array(Type.Object({ tool, ...figures })),
})

export const Summary = Type.Object({
  from: day,
  to: day,
  services: Type.Array(
    Type.Object({ serviceId, calls: count, errors: count, errorRate: figures.errorRate }),
  ),
})
