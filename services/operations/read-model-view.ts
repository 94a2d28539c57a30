import { type Static, Type } from 'typebox'
import { estimate } from '../../domain/operations/estimate.ts'
import type { RebuildState } from '../../domain/operations/rebuild.ts'
import { type Actor, isOperator } from '../kernel/actor.ts'
import type { ReadModelState, RebuildProgress } from '../ports/projections.ts'

const UNTOLD = 'It stands still; keys of the default tenant see why.'

export const position = Type.String({ description: 'place in the log, decimal' })
export const lag = Type.String({
  description: 'distance to the end of the log, decimal, in the unit of its positions',
})
export const readModel = Type.String({ minLength: 1, maxLength: 200 })
const instant = Type.String({ format: 'date-time' })

const Rebuild = Type.Object(
  {
    version: Type.Integer({ description: 'of the rows that are being made' }),
    phase: Type.Union([Type.Literal('building'), Type.Literal('switching')], {
      description: '`switching`: the rows are all there and take the place of the live ones',
    }),
    startedAt: instant,
    position: Type.String({ description: 'up to here the log was read, decimal' }),
    until: Type.String({ description: 'the position that it has to reach, decimal' }),
    events: Type.Integer({ description: 'how many events were folded' }),
    totalEvents: Type.Optional(
      Type.Integer({ description: 'events in all, if the rest of the log is like what was read' }),
    ),
    percent: Type.Integer({ minimum: 0, maximum: 100 }),
    eventsPerSecond: Type.Integer({ description: 'on average since the start' }),
    secondsLeft: Type.Optional(Type.Integer({ description: 'estimated' })),
  },
  { description: 'rows are being made beside the ones that queries see' },
)

const Request = Type.Object(
  {
    rebuildId: Type.String({ format: 'uuid' }),
    status: Type.Union([Type.Literal('owed'), Type.Literal('completed'), Type.Literal('failed')]),
    requestedAt: instant,
    endedAt: Type.Optional(instant),
    events: Type.Optional(Type.Integer({ description: 'how many events were folded' })),
    durationMs: Type.Optional(Type.Number()),
    cause: Type.Optional(Type.String({ description: 'why it failed' })),
  },
  { description: 'the newest rebuild that was asked for; told to keys of the default tenant' },
)

export const ReadModel = Type.Object({
  readModel,
  version: Type.Integer({ description: 'of the rows; 0 = none were built yet' }),
  programVersion: Type.Integer({ description: 'of the rows that this program makes' }),
  state: Type.Union([Type.Literal('live'), Type.Literal('building'), Type.Literal('stopped')]),
  cause: Type.Union([Type.String(), Type.Null()], { description: 'why it is stopped' }),
  position,
  lag,
  parkedStreams: Type.Integer({ description: "streams of the key's tenant that it leaves out" }),
  rebuild: Type.Optional(Rebuild),
  lastRequest: Type.Optional(Request),
})

/** A cause can quote any tenant's rows: only the tenant that operates this server reads it. */
export function readModelView(
  { rebuild, ...state }: ReadModelState,
  asked: RebuildState,
  actor: Actor,
): Static<typeof ReadModel> {
  const told = isOperator(actor)
  return {
    ...state,
    cause: state.cause === null || told ? state.cause : UNTOLD,
    position: state.position.toString(),
    lag: state.lag.toString(),
    ...(rebuild === null ? {} : { rebuild: rebuildView(rebuild) }),
    ...(asked.status === 'never' || !told ? {} : { lastRequest: requestView(asked) }),
  }
}

function rebuildView({
  version,
  phase,
  startedAt,
  position,
  until,
  events,
  elapsedMs,
}: RebuildProgress): Static<typeof Rebuild> {
  const share = until === 0n ? 1 : Number(position) / Number(until)
  return {
    ...{ version, phase, startedAt: startedAt.toISOString(), events },
    ...{ position: position.toString(), until: until.toString() },
    ...estimate({ events, share, elapsedMs }),
  }
}

function requestView({
  readModel: _,
  ...asked
}: Exclude<RebuildState, { readonly status: 'never' }>): Static<typeof Request> {
  return asked
}
