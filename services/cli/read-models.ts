import { setTimeout as delay } from 'node:timers/promises'
import type { Api } from './api.ts'
import { CliError, EXIT } from './failure.ts'
import type { Show } from './progress.ts'

const POLL_MS = 250
const BAR_LENGTH = 20

export type ReadModel = {
  readonly readModel: string
  readonly version: number
  readonly programVersion: number
  readonly state: 'live' | 'building' | 'stopped'
  readonly cause: string | null
  readonly position: string
  readonly lag: string
  readonly parkedStreams: number
  readonly rebuild?: Rebuild
  readonly lastRequest?: {
    readonly rebuildId: string
    readonly status: 'owed' | 'completed' | 'failed'
    readonly events?: number
    readonly durationMs?: number
    readonly cause?: string
  }
}

type Rebuild = {
  readonly phase: 'building' | 'switching'
  readonly events: number
  readonly totalEvents?: number
  readonly percent: number
  readonly eventsPerSecond: number
  readonly secondsLeft?: number
}

export async function allReadModels(api: Api): Promise<readonly ReadModel[]> {
  return (await api.get<{ items: readonly ReadModel[] }>('/v1/operations/projections')).items
}

export function readModelPath(name: string, action: 'rebuild' | 'comparison'): string {
  return `/v1/operations/projections/${encodeURIComponent(name)}/${action}`
}

/**
 * Asks for a rebuild and waits until it has ended, however long it takes.
 *
 * @throws {CliError} with the cause when it failed.
 */
export async function rebuildReadModel(api: Api, name: string, show: Show): Promise<ReadModel> {
  const { rebuildId } = await api.post<{ rebuildId: string }>(readModelPath(name, 'rebuild'))
  for (;;) {
    const now = (await allReadModels(api)).find(({ readModel }) => readModel === name)
    if (now === undefined) throw new CliError(EXIT.fault, `${name} is gone.`)
    const { lastRequest, rebuild } = now
    // Another request in its place means that this one has ended.
    if (lastRequest?.rebuildId !== rebuildId || lastRequest.status === 'completed') return now
    if (lastRequest.status === 'failed')
      throw new CliError(EXIT.fault, `${name}: ${lastRequest.cause ?? 'the rebuild failed'}`)
    show(rebuild === undefined ? 'waiting for the projector' : barOf(rebuild))
    await delay(POLL_MS)
  }
}

export function rebuildSummary({ readModel, version, lastRequest }: ReadModel): string {
  const { events = 0, durationMs = 0 } = lastRequest ?? {}
  const seconds = (durationMs / 1_000).toFixed(1)
  return `${readModel} version ${version}: ${events} events in ${seconds} s`
}

/** Such as `[##########----------] 50 %, 5000 of about 10000 events, 2000/s, 3 s left`. */
export function barOf(rebuild: Rebuild): string {
  const { phase, percent, events, totalEvents, eventsPerSecond, secondsLeft } = rebuild
  const done = Math.round((percent / 100) * BAR_LENGTH)
  const bar = `[${'#'.repeat(done)}${'-'.repeat(BAR_LENGTH - done)}] ${percent} %`
  const total = totalEvents === undefined || percent === 100 ? '' : ` of about ${totalEvents}`
  const left = secondsLeft === undefined ? '' : `, ${secondsLeft} s left`
  const end = phase === 'switching' ? ', switching' : left
  return `${bar}, ${events}${total} events, ${eventsPerSecond}/s${end}`
}
