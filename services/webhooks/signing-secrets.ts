import { type KnownWebhook, signingSecrets } from '../../domain/webhooks/webhook.ts'
import type { WebhookKey } from '../ports/delivery-ledger.ts'
import { type SecretStore, SecretUnreadableError } from '../ports/secret-store.ts'
import { newSigningSecret } from './signature.ts'

const nameOf = (secretId: string) => `signing.${secretId}`

/** @returns the secret: who asked for it sees it now and never again. */
export async function createSecret(
  store: SecretStore,
  { tenantId, webhookId }: WebhookKey,
  secretId: string,
): Promise<string> {
  const secret = newSigningSecret()
  await store.put(tenantId, webhookId, nameOf(secretId), secret)
  return secret
}

/** Removes the secret that signs no more once `current` has replaced the one before it. */
export async function dropOutdated(
  store: SecretStore,
  { tenantId, webhookId }: WebhookKey,
  before: KnownWebhook,
): Promise<void> {
  if (before.previous !== undefined)
    await store.remove(tenantId, webhookId, nameOf(before.previous.secretId))
}

/**
 * The secrets that sign at this moment.
 *
 * @throws {SecretUnreadableError} when the current one is not there or cannot be read.
 */
export async function revealSecrets(
  store: SecretStore,
  { tenantId, webhookId }: WebhookKey,
  webhook: KnownWebhook,
  now: Date,
): Promise<readonly string[]> {
  const all = await store.reveal(tenantId, webhookId)
  const [current, ...rest] = signingSecrets(webhook, now).map((id) => all[nameOf(id)])
  if (current === undefined)
    throw new SecretUnreadableError('The signing secret is not there; rotate it.')
  return [current, ...rest.filter((secret) => secret !== undefined)]
}
