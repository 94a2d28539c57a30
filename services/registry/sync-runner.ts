import type { Kysely } from 'kysely'
import {
  nextAction,
  type SourceCommand,
  type SyncOwed,
  source,
  sourceStream,
} from '../../domain/registry/source.ts'
import { catalogue } from '../../projections/registry/catalogue.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { newestEntryPosition } from '../../projections/registry/mirror-state.ts'
import { type Cause, causeIn } from '../kernel/cause.ts'
import { withCorrelation } from '../kernel/correlation.ts'
import { react } from '../kernel/react.ts'
import { type EventStore, EventStoreUnavailableError } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { ReadFreshness } from '../ports/read-freshness.ts'
import type { SourceKey, SyncLedger, SyncProgress } from '../ports/sync-ledger.ts'
import { UpstreamError, type UpstreamRegistry } from '../ports/upstream-registry.ts'
import { holdClaim } from './held-claim.ts'
import { Mirror } from './mirror.ts'
import { type Reconciled, reconcile } from './reconcile.ts'
import type { SyncLimits } from './sync-limits.ts'

export type SyncDeps = {
  readonly events: EventStore
  readonly db: Kysely<CatalogueTables>
  readonly freshness: ReadFreshness
  readonly upstream: UpstreamRegistry
  readonly ledger: SyncLedger
  readonly limits: SyncLimits
  readonly now: () => Date
  readonly metrics: Metrics
  readonly logger: Logger
}

/** `done`: a run ended here. `idle`: none was owed. `busy`: another process works on the source. */
export type SyncOutcome = 'done' | 'idle' | 'busy'

/** Not the upstream's fault, and not the end of the run: somebody carries it on later. */
export class SyncPostponedError extends Error {
  override readonly name = 'SyncPostponedError'
}

/**
 * Carries out the run that the source's stream says is owed, and records its end. Safe to call
 * at any time, from any process, again after a crash: what was recorded is not recorded twice.
 *
 * @throws {SyncPostponedError} when the read models are behind or the claim was lost.
 */
export async function runSync(
  deps: SyncDeps,
  key: SourceKey,
  runId: string,
  stop: AbortSignal,
): Promise<SyncOutcome> {
  if (!(await deps.ledger.claim(key, runId, deps.limits.leaseMs))) return 'busy'
  const progress = emptyProgress()
  const claim = holdClaim(deps, key, runId, progress)
  const stream = sourceStream(key.tenantId, key.sourceId)
  try {
    const cause = await causeIn(deps.events, stream, ['RegistrySyncStarted'])
    if (cause === undefined) return 'idle'
    const did = await withCorrelation(cause.correlationId, () =>
      react(
        deps.events,
        source,
        nextAction,
        (owed) => perform(deps, key, owed, cause, progress, AbortSignal.any([stop, claim.lost])),
        stream,
        { tenantId: key.tenantId, actorId: 'system:registry-sync', ...cause },
      ),
    )
    return did ? 'done' : 'idle'
  } finally {
    await claim.stop()
  }
}

type Progress = { -readonly [Fact in keyof SyncProgress]: SyncProgress[Fact] }

function emptyProgress(): Progress {
  return { phase: 'waiting', pages: 0, bytes: 0, entries: 0, added: 0, changed: 0, removed: 0 }
}

async function perform(
  deps: SyncDeps,
  key: SourceKey,
  owed: SyncOwed,
  cause: Cause,
  progress: Progress,
  stop: AbortSignal,
): Promise<SourceCommand> {
  const started = performance.now()
  const mirror = new Mirror(deps, key, owed.runId, cause, progress)
  const durationMs = () => Math.round(performance.now() - started)
  const base = { sourceId: key.sourceId, runId: owed.runId }
  try {
    const reconciled = await attempt(deps, key, owed, mirror, progress, stop)
    deps.metrics.syncFinished('completed', changesOf(progress), durationMs() / 1_000)
    return {
      type: 'CompleteSync',
      ...base,
      ...endOf(progress, reconciled),
      totals: { ...totalsOf(progress), durationMs: durationMs() },
      now: deps.now().toISOString(),
    }
  } catch (error) {
    // Nobody's fault: the run stays open, and somebody carries it on.
    if (error instanceof SyncPostponedError || error instanceof EventStoreUnavailableError)
      throw error
    const reason = reasonOf(error)
    deps.metrics.syncFinished('failed', changesOf(progress), durationMs() / 1_000)
    deps.logger.warn({ ...key, code: reason.code, err: error }, 'registry sync failed')
    return {
      type: 'FailSync',
      ...base,
      totals: { ...totalsOf(progress), durationMs: durationMs() },
      ...reason,
      now: deps.now().toISOString(),
    }
  }
}

function reasonOf(error: unknown): { readonly code: string; readonly cause: string } {
  if (error instanceof UpstreamError)
    return { code: error.code, cause: error.message.slice(0, 1_000) }
  return { code: 'sync-fault', cause: 'Tidemark could not carry the run out; its log says why.' }
}

async function attempt(
  deps: SyncDeps,
  key: SourceKey,
  owed: SyncOwed,
  mirror: Mirror,
  progress: Progress,
  stop: AbortSignal,
): Promise<Reconciled> {
  await catchUp(deps)
  const position = await newestEntryPosition(deps.db, key)
  const walk = await deps.ledger.lastWalk(key)
  const tooSlow = AbortSignal.timeout(deps.limits.maxRunMs)
  try {
    return await reconcile(
      {
        source: key,
        address: { kind: owed.kind, location: owed.location },
        upstream: deps.upstream,
        ledger: deps.ledger,
        mirror,
        limits: deps.limits,
        signal: AbortSignal.any([stop, tooSlow]),
        updatedSince: owed.newestUpdatedAt,
        acceptShrink: owed.acceptShrink,
        progress,
        startPosition: position,
      },
      // The last walk tells nothing when the source's entries have changed since it was made.
      walk?.cataloguePosition === position ? walk : undefined,
    )
  } catch (cause) {
    if (stop.aborted) throw new SyncPostponedError('The run was interrupted.', { cause })
    if (tooSlow.aborted)
      throw new UpstreamError(
        'upstream-too-slow',
        `The run took longer than ${deps.limits.maxRunMs / 1_000} s.`,
      )
    throw cause
  }
}

/** The comparison is with the read model, which must therefore hold all that was recorded before. */
export async function catchUp({ events, freshness, limits }: SyncDeps): Promise<void> {
  if (!(await freshness.waitFor(await events.head(), limits.maxWaitMs, [catalogue.name])))
    throw new SyncPostponedError('The read models are too far behind the log.')
}

function changesOf({ added, changed, removed }: SyncProgress): number {
  return added + changed + removed
}

function totalsOf({ pages, bytes, added, changed, removed }: SyncProgress) {
  return { pages, bytes, added, changed, removed }
}

function endOf(
  { added, changed }: SyncProgress,
  { entries, invalid, refused, newestUpdatedAt }: Reconciled,
) {
  const unchanged = Math.max(0, entries - refused - added - changed)
  return { unchanged, invalid, refused, newestUpdatedAt }
}
