import type { MessageBus } from '../ports/message-bus.ts'
import type { SourceKey } from '../ports/sync-ledger.ts'
import { clearRemovedSource } from './source-removal.ts'
import { runSync, type SyncDeps } from './sync-runner.ts'

/** Long enough that an ordinary run ends within one delivery; another delivery finds the source busy. */
const ACK_WAIT_MS = 5 * 60_000
const MAX_RUNS_AT_ONCE = 4

export type RegistryReactorDeps = SyncDeps & { readonly bus: MessageBus }

/**
 * Carries out the runs and the removals that events ask for, until `signal` aborts. What a
 * crash leaves behind is found by the schedule (`runSyncSchedule`).
 */
export async function runRegistryReactor(
  deps: RegistryReactorDeps,
  signal: AbortSignal,
): Promise<void> {
  const subscribe = (
    durable: string,
    type: string,
    handle: (key: SourceKey, data: Readonly<Record<string, unknown>>) => Promise<void>,
  ) =>
    deps.bus.subscribe(
      {
        durable,
        subjects: [`tidemark.*.registry.${type}`],
        signal,
        ackWaitMs: ACK_WAIT_MS,
        maxInFlight: MAX_RUNS_AT_ONCE,
      },
      ({ subject, data }) =>
        handle({ tenantId: subject.split('.')[1] ?? '', sourceId: String(data.sourceId) }, data),
    )

  await Promise.all([
    subscribe('registry-sync', 'RegistrySyncStarted', async (key, { runId }) => {
      await runSync(deps, key, String(runId), signal)
    }),
    subscribe('registry-source-removal', 'RegistrySourceRemoved', async (key) => {
      if ((await clearRemovedSource(deps, key)) === 'busy')
        throw new Error(`Source ${key.sourceId} is still being synced.`)
    }),
  ])
}
