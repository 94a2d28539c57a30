import type { Dispatcher } from 'undici'
import { UpstreamError } from '../../services/ports/upstream-registry.ts'
import {
  type CallOutcome,
  WebhookAddressError,
  type WebhookSender,
} from '../../services/ports/webhook-sender.ts'
import { type AddressPolicy, checkedUrl, isRefusedAddress } from '../registry/address-guard.ts'
import { createGuardedAgent, isTimeout } from '../registry/guarded-agent.ts'
import { retryAfterMs } from '../retry-after.ts'

/** A whole call, the name's look-up included; what Standard Webhooks recommends is 15 to 30 s. */
const CALL_TIMEOUT_MS = 15_000
const MAX_ANSWER_BYTES = 4_096
const MAX_HEADER_BYTES = 16_384
/** As much of an answer as a person needs to see what is wrong. */
const MAX_EXCERPT = 300

export type HttpSenderOptions = AddressPolicy & { readonly timeoutMs?: number }

/** Calls webhooks over https; where private addresses are allowed over http, too. */
export function createWebhookSender({
  timeoutMs = CALL_TIMEOUT_MS,
  ...policy
}: HttpSenderOptions): WebhookSender & AsyncDisposable {
  const agent = createGuardedAgent(policy, { timeoutMs, maxHeaderBytes: MAX_HEADER_BYTES })
  return {
    check: (url) => void allowedUrl(url, policy),
    [Symbol.asyncDispose]: () => agent.destroy(),
    async send({ url, headers, body }, signal) {
      const timeout = AbortSignal.timeout(timeoutMs)
      try {
        const { origin, pathname, search } = allowedUrl(url, policy)
        const answer = await agent.request({
          ...{ origin, path: `${pathname}${search}`, method: 'POST', headers, body },
          signal: AbortSignal.any([signal, timeout]),
        })
        return await outcomeOf(answer)
      } catch (error) {
        return faultOf(error, timeout)
      }
    },
  }
}

/** @throws {WebhookAddressError} */
function allowedUrl(location: string, policy: AddressPolicy): URL {
  try {
    const url = checkedUrl(location, policy)
    if (url.protocol === 'https:' || policy.allowPrivate) return url
  } catch (error) {
    if (error instanceof UpstreamError) throw new WebhookAddressError(error.message)
    throw error
  }
  throw new WebhookAddressError('A webhook has an https address.')
}

async function outcomeOf({
  statusCode: status,
  headers,
  body,
}: Dispatcher.ResponseData): Promise<CallOutcome> {
  return {
    outcome: 'answered',
    status,
    retryAfterMs: retryAfterMs(headers['retry-after']),
    answer: await beginOf(body),
  }
}

/** The status has decided already: an answer that breaks off changes nothing. */
async function beginOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.byteLength
      if (bytes >= MAX_ANSWER_BYTES) break
    }
  } catch {
    // What has come is kept.
  } finally {
    body.on('error', () => {}).destroy()
  }
  const text = Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8')
  return [...text.replaceAll('\u0000', '')].slice(0, MAX_EXCERPT).join('')
}

function faultOf(error: unknown, timeout: AbortSignal): CallOutcome {
  if (timeout.aborted || isTimeout(error)) return { outcome: 'timeout' }
  return { outcome: isRefused(error) ? 'address-refused' : 'unreachable' }
}

function isRefused(error: unknown): boolean {
  return error instanceof WebhookAddressError || isRefusedAddress(error)
}
