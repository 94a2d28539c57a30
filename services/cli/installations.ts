import { setTimeout as delay } from 'node:timers/promises'
import type { Api } from './api.ts'
import { CliError, EXIT } from './failure.ts'
import type { Show } from './progress.ts'
import { ambiguous, namedLike } from './server-names.ts'

const POLL_MS = 150
const PAGE = 100
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export type Installation = {
  readonly installationId: string
  readonly server: string
  readonly status: 'installing' | 'installed' | 'updating' | 'failed' | 'uninstalled'
  readonly version?: string
  readonly requestedVersion: string
  readonly tools: readonly string[]
  readonly failure?: { readonly stage: string; readonly code: string; readonly cause: string }
  readonly update?: { readonly version: string; readonly breaking: boolean }
  /** It kept dying, or somebody stopped it, and is not started. */
  readonly quarantine?: {
    readonly since: string
    readonly failures?: number
    readonly cause: string
  }
  readonly changedAt: string
}

export type InstallationDetail = Installation & {
  readonly stages: readonly { readonly stage: string; readonly status: string }[]
  readonly versions: readonly string[]
}

/** What a command answers with: where in the log it is. */
export type Accepted = { readonly installationId: string; readonly position: string }

/** What a person is told: an installed server that is not started is first of all that. */
export function statusOf({ status, quarantine }: Installation): string {
  return quarantine === undefined ? status : 'quarantined'
}

export async function allInstallations(api: Api): Promise<readonly Installation[]> {
  const found: Installation[] = []
  let cursor: string | undefined
  do {
    const page = await api.get<{ items: readonly Installation[]; nextCursor?: string }>(
      '/v1/installations',
      { limit: PAGE, cursor },
    )
    found.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return found
}

/**
 * @param word an id, the beginning of one, or the name of a server that is installed once (whole, or
 * what follows its last `/`).
 * @throws {CliError} when it means none, or several.
 */
export async function resolveInstallation(api: Api, word: string): Promise<string> {
  if (UUID.test(word)) return word.toLowerCase()
  const present = (await allInstallations(api)).filter(({ status }) => status !== 'uninstalled')
  const named = namedLike(word, present, ({ server }) => server)
  const meant =
    named.length > 0
      ? named
      : present.filter(({ installationId }) => installationId.startsWith(word.toLowerCase()))
  const [only] = meant
  if (only !== undefined && meant.length === 1) return only.installationId
  if (only === undefined)
    throw new CliError(
      EXIT.refused,
      `Nothing installed is called "${word}"; see \`tidemark list\`.`,
    )
  throw ambiguous(
    word,
    meant.map(({ installationId, server, version, requestedVersion }) =>
      [installationId, server, version ?? requestedVersion].join(' '),
    ),
  )
}

/**
 * Waits until the attempt that a command began has ended, however long it takes.
 *
 * @throws {CliError} with stage and cause when it failed.
 */
export async function untilSettled(
  api: Api,
  { installationId, position }: Accepted,
  show: Show,
): Promise<InstallationDetail> {
  for (;;) {
    const now = await api.get<InstallationDetail>(`/v1/installations/${installationId}`, {
      atLeast: position,
    })
    if (now.failure !== undefined && now.status !== 'installing' && now.status !== 'updating')
      throw new CliError(EXIT.fault, failureOf(now, now.failure))
    if (now.status === 'installed') return now
    if (now.status === 'uninstalled')
      throw new CliError(EXIT.refused, 'It was uninstalled meanwhile.')
    show(stageOf(now))
    await delay(POLL_MS)
  }
}

function failureOf(
  { server, requestedVersion, version }: InstallationDetail,
  { stage, cause }: NonNullable<Installation['failure']>,
): string {
  const kept = version === undefined ? '' : ` Version ${version} stays active.`
  return `${server} ${requestedVersion} failed at "${stage}": ${cause}${kept}`
}

function stageOf({ stages }: InstallationDetail): string {
  const done = stages.filter(({ status }) => status === 'completed').length
  const running = stages.find(({ status }) => status === 'running')?.stage ?? 'waiting'
  return `stage ${Math.min(done + 1, stages.length)} of ${stages.length}: ${running}`
}
