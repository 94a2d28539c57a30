import { isKnown, webhook, webhookStream } from '../../domain/webhooks/webhook.ts'
import { load } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import { SecretUnreadableError } from '../ports/secret-store.ts'
import type { WebhookCall, WebhookCaller } from '../ports/webhook-caller.ts'
import { type CallDeps, call } from './call.ts'

/** The receiver's own state counts: one that is paused or disabled is not called. */
export function createWebhookCaller(
  deps: CallDeps & { readonly events: EventStore },
): WebhookCaller {
  return {
    async call(key, event, signal) {
      const stream = webhookStream(key.tenantId, key.webhookId)
      const { state } = await load(deps.events, webhook, stream)
      if (!isKnown(state)) return never('webhook-not-found', 'There is no such webhook.')
      if (state.status !== 'enabled')
        return never('webhook-not-enabled', `The webhook is ${state.status}.`)
      try {
        return callOf(await call(deps, key, state, event, signal))
      } catch (error) {
        if (!(error instanceof SecretUnreadableError)) throw error
        return never('secret-unreadable', error.message)
      }
    },
  }
}

function never(code: string, cause: string): WebhookCall {
  return { delivered: false, code, cause, again: false }
}

function callOf({
  attempt,
  delivered,
  retryAfterMs,
  sentence: cause,
}: Awaited<ReturnType<typeof call>>): WebhookCall {
  const { outcome, status = 0 } = attempt
  if (delivered) return { delivered, status }
  const asked = retryAfterMs === undefined ? {} : { retryAfterMs }
  const again = outcome !== 'address-refused' && status !== 410
  return { delivered: false, code: `webhook-${outcome}`, cause, again, ...asked }
}
