import { v5 as uuidOf } from 'uuid'
import { streamName } from '../../domain/kernel/ids.ts'
import type { RulesEvaluated } from '../../domain/rules/evaluation.ts'
import type {
  EventStore,
  NewEvent,
  Position,
  RecordedEvent,
  StreamRevision,
} from '../ports/event-store.ts'

/** Namespace of what follows from an evaluation (RFC 9562, version 5). */
export const RULES_NAMESPACE = '0c7a4a56-54f1-4f55-9d0c-6f3c0a6f7a1d'

/** An append takes a megabyte of data; one evaluation has at most half of it. */
const MAX_GROUP_BYTES = 500_000
const MAX_GROUP = 500

/** All evaluations of a tenant, in the order of the events that they are about. */
export function evaluationsStream(tenantId: string): string {
  return streamName('evaluations', tenantId, 'all')
}

/** How far a tenant's evaluations are recorded. */
export type Recorded = {
  readonly revision: StreamRevision
  /** Of the last event that has an evaluation; 0n = none has. */
  readonly through: Position
}

export async function recordedOf(
  events: Pick<EventStore, 'readStream'>,
  tenantId: string,
): Promise<Recorded> {
  const last = { direction: 'backwards', limit: 1 } as const
  for await (const event of events.readStream(evaluationsStream(tenantId), last))
    return { revision: event.revision, through: BigInt(String(event.data.position)) }
  return { revision: 'no-stream', through: 0n }
}

/** What was decided about an event. */
export type Evaluated = { readonly event: RecordedEvent; readonly evaluation: RulesEvaluated }

/**
 * Appends them in groups, each behind what its writer last saw: of two writers one is refused.
 * Ids follow from the events, so the same decisions are recorded once.
 *
 * @throws {RevisionConflictError} when somebody else recorded meanwhile.
 */
export async function record(
  events: Pick<EventStore, 'append'>,
  tenantId: string,
  evaluated: readonly Evaluated[],
  before: Recorded,
): Promise<Recorded> {
  const stream = evaluationsStream(tenantId)
  let recorded = before
  for (const group of groupsOf(evaluated)) {
    const news = group.map(({ event, evaluation }): NewEvent => {
      const { correlationId, eventId: causationId } = event
      const id = uuidOf(`${stream}\n${event.eventId}`, RULES_NAMESPACE)
      return { id, type: 'RulesEvaluated', data: evaluation, cause: { correlationId, causationId } }
    })
    const { correlationId, causationId } = group[0]?.event ?? NO_CAUSE
    const context = { tenantId, actorId: 'system:rules', correlationId, causationId }
    const { revision } = await events.append(stream, news, recorded.revision, context)
    recorded = { revision, through: group.at(-1)?.event.position ?? recorded.through }
  }
  return recorded
}

const NO_CAUSE = { correlationId: '', causationId: '' }

function* groupsOf(evaluated: readonly Evaluated[]): Iterable<readonly Evaluated[]> {
  let group: Evaluated[] = []
  let bytes = 0
  for (const each of evaluated) {
    const size = Buffer.byteLength(JSON.stringify(each.evaluation))
    if (group.length === MAX_GROUP || (group.length > 0 && bytes + size > MAX_GROUP_BYTES)) {
      yield group
      group = []
      bytes = 0
    }
    group.push(each)
    bytes += size
  }
  if (group.length > 0) yield group
}
