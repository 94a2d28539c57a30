import { setTimeout as delay } from 'node:timers/promises'
import type { Api } from './api.ts'
import { CliError, EXIT } from './failure.ts'
import type { Show } from './progress.ts'

const POLL_MS = 200

export type Source = {
  readonly sourceId: string
  readonly name: string
  readonly kind: string
  readonly location: string
  readonly status: string
  readonly lastCompletedAt?: string
  readonly lastRun?: {
    readonly runId: string
    readonly status: 'running' | 'completed' | 'failed'
    readonly failure?: { readonly code: string; readonly cause: string }
  }
  readonly lastTotals?: {
    readonly added: number
    readonly changed: number
    readonly removed: number
    readonly unchanged: number
    readonly durationMs: number
  }
}

type SourceDetail = Source & {
  readonly entries: number
  readonly progress?: {
    readonly runId: string
    readonly phase: string
    readonly pages: number
    readonly entries: number
  }
}

export async function allSources(api: Api): Promise<readonly Source[]> {
  return (await api.get<{ items: readonly Source[] }>('/v1/registry/sources', { limit: 100 })).items
}

/**
 * Syncs one source and waits until that is done, however long it takes.
 *
 * @throws {CliError} with the cause when the sync failed.
 */
export async function syncSource(api: Api, sourceId: string, show: Show): Promise<SourceDetail> {
  const path = `/v1/registry/sources/${encodeURIComponent(sourceId)}`
  const started = await api.post<{ runId: string; position: string }>(`${path}/sync`)
  for (;;) {
    const source = await api.get<SourceDetail>(path, { atLeast: started.position })
    const { lastRun, progress } = source
    if (progress !== undefined)
      show(`${progress.phase}: ${progress.entries} entries on ${progress.pages} pages`)
    if (lastRun?.runId === started.runId && lastRun.status === 'failed')
      throw new CliError(EXIT.fault, `${sourceId}: ${lastRun.failure?.cause ?? 'the sync failed'}`)
    // Another run in its place means that this one has ended.
    if (lastRun !== undefined && !(lastRun.runId === started.runId && lastRun.status === 'running'))
      return source
    await delay(POLL_MS)
  }
}

export function syncSummary({ sourceId, lastTotals, entries }: SourceDetail): string {
  if (lastTotals === undefined) return `${sourceId}: ${entries} entries`
  const { added, changed, removed, durationMs } = lastTotals
  const seconds = (durationMs / 1_000).toFixed(1)
  return `${sourceId}: ${entries} entries; ${added} added, ${changed} changed, ${removed} removed in ${seconds} s`
}
