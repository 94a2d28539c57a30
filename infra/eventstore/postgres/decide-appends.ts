import {
  type Appended,
  EventIdConflictError,
  type ExpectedRevision,
  RevisionConflictError,
  type StreamRevision,
} from '../../../services/ports/event-store.ts'

/** One caller's append, as far as the decision needs it. */
export type AppendRequest = {
  readonly stream: string
  /** One or more, lower case, no two alike. */
  readonly ids: readonly string[]
  readonly expected: ExpectedRevision
}

export type KnownEvent = {
  readonly stream: string
  readonly revision: bigint
  readonly position: bigint
}

/** What the log says while nobody else can append. */
export type LogState = {
  /** Position of the newest event; 0n when there is none. */
  readonly head: bigint
  /** Last revision of each stream that the requests name; absent = the stream has no event. */
  readonly revisions: ReadonlyMap<string, bigint>
  /** Those of the requests' ids that are in the log. */
  readonly known: ReadonlyMap<string, KnownEvent>
}

export type AppendDecision =
  /** To be written, its first event here, the others right behind it. */
  | { readonly outcome: 'write'; readonly revision: bigint; readonly position: bigint }
  /** Written before: this is what that append answered. */
  | { readonly outcome: 'repeat'; readonly appended: Appended }
  | { readonly outcome: 'refuse'; readonly error: RevisionConflictError | EventIdConflictError }

export type AppendPlan = {
  /** One a request, in their order. */
  readonly decisions: readonly AppendDecision[]
  /** The log once everything that the decisions write is written. */
  readonly after: Pick<LogState, 'head' | 'revisions'>
}

/**
 * What becomes of each request of a group commit, in order: each sees the ones before it as
 * done. Pure, so that the rules can be compared with a model.
 */
export function decideAppends(log: LogState, requests: readonly AppendRequest[]): AppendPlan {
  const revisions = new Map(log.revisions)
  const known = new Map(log.known)
  let head = log.head

  const decisions = requests.map((request) => {
    const { stream, ids } = request
    const decision = decideAppend(request, revisions.get(stream), head, known)
    if (decision.outcome !== 'write') return decision
    const { revision, position } = decision
    ids.forEach((id, index) => {
      const offset = BigInt(index)
      known.set(id, { stream, revision: revision + offset, position: position + offset })
    })
    const count = BigInt(ids.length)
    revisions.set(stream, revision + count - 1n)
    head += count
    return decision
  })
  return { decisions, after: { head, revisions } }
}

/**
 * The same without asking the log, from what one's own appends in this turn left: undefined
 * unless it comes to writing all of them. Whether an id was used before stays open here, as does
 * whether a stream expected to be absent exists; the log's unique constraints refuse both.
 */
export function decideUnasked(
  log: Pick<LogState, 'head' | 'revisions'>,
  requests: readonly AppendRequest[],
): AppendPlan | undefined {
  const isOpen = ({ stream, expected }: AppendRequest) =>
    !log.revisions.has(stream) && expected !== 'no-stream'
  if (requests.some(isOpen)) return undefined
  const plan = decideAppends({ ...log, known: new Map() }, requests)
  return plan.decisions.every(({ outcome }) => outcome === 'write') ? plan : undefined
}

function decideAppend(
  { stream, ids, expected }: AppendRequest,
  actual: bigint | undefined,
  head: bigint,
  known: ReadonlyMap<string, KnownEvent>,
): AppendDecision {
  const seen = ids.map((id) => known.get(id))
  if (seen.some((event) => event !== undefined)) return decideRepeat(stream, seen)
  const current = actual ?? 'no-stream'
  if (!isAsExpected(expected, current))
    return { outcome: 'refuse', error: new RevisionConflictError(stream, expected, current) }
  return { outcome: 'write', revision: (actual ?? -1n) + 1n, position: head + 1n }
}

/** A retry holds exactly what was written: the same ids, in the same order, without a gap. */
function decideRepeat(stream: string, seen: readonly (KnownEvent | undefined)[]): AppendDecision {
  const first = seen[0]
  const isRepeat = seen.every(
    (event, index) =>
      first !== undefined &&
      event?.stream === stream &&
      event.revision === first.revision + BigInt(index),
  )
  const last = seen.at(-1)
  if (isRepeat && last !== undefined)
    return { outcome: 'repeat', appended: { revision: last.revision, position: last.position } }
  const error = new EventIdConflictError(
    `An append to ${stream} has ids that were already appended otherwise.`,
  )
  return { outcome: 'refuse', error }
}

function isAsExpected(expected: ExpectedRevision, actual: StreamRevision): boolean {
  switch (expected) {
    case 'any':
      return true
    case 'stream-exists':
      return actual !== 'no-stream'
    default:
      return actual === expected
  }
}
