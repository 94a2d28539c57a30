import { v5 as uuidOf } from 'uuid'
import { source, sourceStream } from '../../domain/registry/source.ts'
import { type Cause, causeIn } from '../kernel/cause.ts'
import { withCorrelation } from '../kernel/correlation.ts'
import { load } from '../kernel/execute.ts'
import type { SourceKey } from '../ports/sync-ledger.ts'
import { holdClaim } from './held-claim.ts'
import { Mirror } from './mirror.ts'
import { catchUp, type SyncDeps, type SyncOutcome } from './sync-runner.ts'

/** Namespace of removals' run ids (RFC 9562, version 5). */
const REMOVAL_NAMESPACE = '6f0be7ce-0e0d-4a57-9f3c-3a1c1b0c8f7e'

/**
 * Records that every entry of a removed source is gone. Safe to call at any time and again:
 * nothing is owed when the source is there, or when it lists nothing any more.
 */
export async function clearRemovedSource(deps: SyncDeps, key: SourceKey): Promise<SyncOutcome> {
  const stream = sourceStream(key.tenantId, key.sourceId)
  const { state, revision } = await load(deps.events, source, stream)
  if (state.status !== 'removed') return 'idle'
  const runId = uuidOf(`${stream}/${revision}`, REMOVAL_NAMESPACE)
  const cause = await causeIn(deps.events, stream, ['RegistrySourceRemoved'])
  if (cause === undefined) return 'idle'
  return withCorrelation(cause.correlationId, () => clear(deps, key, runId, cause))
}

async function clear(
  deps: SyncDeps,
  key: SourceKey,
  runId: string,
  cause: Cause,
): Promise<SyncOutcome> {
  if (!(await deps.ledger.claim(key, runId, deps.limits.leaseMs))) return 'busy'
  const progress = {
    phase: 'removals' as const,
    pages: 0,
    bytes: 0,
    entries: 0,
    added: 0,
    changed: 0,
    removed: 0,
  }
  const claim = holdClaim(deps, key, runId, progress)
  try {
    await catchUp(deps)
    const mirror = new Mirror(deps, key, runId, cause, progress)
    await mirror.loadAll()
    await mirror.observeAbsence(mirror.listed())
    await deps.ledger.forget(key)
    return progress.removed > 0 ? 'done' : 'idle'
  } finally {
    await claim.stop()
  }
}
