import { UUID } from '../../domain/kernel/ids.ts'
import type { Api } from './api.ts'
import { type TailEvent, tail } from './event-tail.ts'
import { CliError, EXIT, usage } from './failure.ts'

export type ListedRun = {
  readonly runId: string
  readonly workflow: string
  readonly version: string
  readonly status: string
  readonly suspended: boolean
  readonly trigger: string
  readonly startedAt: string
}

export type RunStep = {
  readonly step: number
  readonly task: string
  readonly state: string
  readonly attempt?: number
  readonly startedAt?: string
  readonly output?: unknown
  readonly error?: unknown
}

const ENDS = ['RunCompleted', 'RunFaulted', 'RunCancelled']

/**
 * The path of the one run whose id begins so, of the hundred newest; a whole id need not be one of them.
 *
 * @throws {CliError} when none does, or several do.
 */
export async function runPath(api: Api, called: string): Promise<string> {
  if (UUID.test(called)) return `/v1/workflow-runs/${called}`
  const { items } = await api.get<{ items: readonly ListedRun[] }>('/v1/workflow-runs', {
    limit: 100,
  })
  const [only, second] = items.filter(({ runId }) => called !== '' && runId.startsWith(called))
  if (only === undefined)
    throw new CliError(EXIT.refused, `No run's id begins with "${called}": see runs list.`)
  if (second !== undefined) throw usage(`Several runs' ids begin with "${called}".`)
  return `/v1/workflow-runs/${encodeURIComponent(only.runId)}`
}

export async function stepsOf(api: Api, path: string): Promise<readonly RunStep[]> {
  const steps: RunStep[] = []
  let cursor: string | undefined
  do {
    const page: { items: readonly RunStep[]; nextCursor?: string } = await api.get(
      `${path}/steps`,
      { limit: 100, cursor },
    )
    steps.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return steps
}

/** Until the run ends. */
export async function* watchRun(api: Api, path: string): AsyncGenerator<TailEvent> {
  for await (const event of tail(api, { after: '0' }, `${path}/stream`)) {
    yield event
    if (ENDS.includes(event.type)) return
  }
}
