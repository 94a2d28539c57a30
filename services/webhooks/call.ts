import type { KnownWebhook } from '../../domain/webhooks/webhook.ts'
import type { Attempt, WebhookKey } from '../ports/delivery-ledger.ts'
import type { SecretStore } from '../ports/secret-store.ts'
import type { CallOutcome, WebhookSender } from '../ports/webhook-sender.ts'
import { signatureHeaders } from './signature.ts'
import { revealSecrets } from './signing-secrets.ts'

export type CallDeps = {
  readonly sender: WebhookSender
  readonly secrets: SecretStore
  readonly now: () => Date
}

export type Called = {
  readonly attempt: Attempt
  readonly delivered: boolean
  readonly retryAfterMs: number | undefined
  /** What happened, in one sentence without anything of the receiver's own. */
  readonly sentence: string
}

/**
 * One signed call with one CloudEvent (structured mode).
 *
 * @throws {SecretUnreadableError}
 */
export async function call(
  { sender, secrets, now }: CallDeps,
  key: WebhookKey,
  webhook: KnownWebhook,
  event: { readonly id: string },
  signal: AbortSignal,
): Promise<Called> {
  const at = now()
  const body = JSON.stringify(event)
  const signing = await revealSecrets(secrets, key, webhook, at)
  const headers = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'user-agent': 'tidemark',
    ...signatureHeaders(signing, { id: event.id, at, body }),
  }
  const startedAt = performance.now()
  const outcome = await sender.send({ url: webhook.url, headers, body }, signal)
  return calledWith(outcome, at, Math.round(performance.now() - startedAt))
}

function calledWith(outcome: CallOutcome, at: Date, durationMs: number): Called {
  if (outcome.outcome !== 'answered')
    return {
      attempt: { at, durationMs, outcome: outcome.outcome, status: undefined, answer: '' },
      delivered: false,
      retryAfterMs: undefined,
      sentence: SENTENCES[outcome.outcome],
    }
  const { status, answer, retryAfterMs } = outcome
  const delivered = status >= 200 && status <= 299
  return {
    attempt: { at, durationMs, outcome: delivered ? 'delivered' : 'refused', status, answer },
    delivered,
    retryAfterMs: status === 429 || status === 503 ? retryAfterMs : undefined,
    sentence: `The receiver answered ${status}.`,
  }
}

const SENTENCES = {
  timeout: 'The receiver did not answer in time.',
  unreachable: 'The receiver cannot be reached.',
  'address-refused': 'The address is in a network that the operator of this server does not allow.',
} as const
