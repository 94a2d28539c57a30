import type { Api } from './api.ts'
import { CliError, EXIT, usage } from './failure.ts'
import { printable } from './printable.ts'

export type Webhook = {
  readonly webhookId: string
  readonly name: string
  readonly url: string
  readonly types: readonly string[]
  readonly status: 'enabled' | 'paused' | 'disabled'
  readonly disabled?: { readonly cause: string }
}

export type Attempt = {
  readonly at: string
  readonly outcome: string
  readonly durationMs: number
  readonly status?: number
}

export type Delivery = {
  readonly eventId: string
  readonly eventType: string
  readonly position: string
  readonly state: string
  readonly attempts: number
  readonly nextAttemptAt?: string
  readonly lastAttempt?: Attempt
}

export async function allWebhooks(api: Api): Promise<readonly Webhook[]> {
  return (await api.get<{ items: readonly Webhook[] }>('/v1/webhooks', { limit: 100 })).items
}

/**
 * The path of the one webhook with this name, or whose id begins so.
 *
 * @throws {CliError} when none is called so, or several are.
 */
export async function webhookPath(api: Api, called: string): Promise<string> {
  const all = await allWebhooks(api)
  const found = all.filter(
    ({ webhookId, name }) => name === called || (called !== '' && webhookId.startsWith(called)),
  )
  const [only] = found
  if (only === undefined)
    throw new CliError(EXIT.refused, `No webhook is called "${called}": see webhooks list.`)
  if (found.length === 1) return `/v1/webhooks/${encodeURIComponent(only.webhookId)}`
  const lines = found.map(({ webhookId, url }) => `  ${printable(webhookId)} ${printable(url)}`)
  throw usage(`"${called}" can mean any of these:\n${lines.join('\n')}`)
}

/** What came of an attempt, in a few words. */
export function outcomeOf({ outcome, status, durationMs }: Attempt): string {
  return `${status === undefined ? outcome : `${outcome} (${status})`} in ${durationMs} ms`
}
