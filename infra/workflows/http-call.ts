import { type Dispatcher, errors } from 'undici'
import {
  type OutgoingAnswer,
  OutgoingCallError,
  type OutgoingCalls,
  type OutgoingRequest,
} from '../../services/ports/outgoing-call.ts'
import { UpstreamError } from '../../services/ports/upstream-registry.ts'
import { type AddressPolicy, checkedUrl, isRefusedAddress } from '../registry/address-guard.ts'
import { createGuardedAgent, isTimeout } from '../registry/guarded-agent.ts'

/** A whole call, the name's look-up included. */
const CALL_TIMEOUT_MS = 30_000
const MAX_HEADER_BYTES = 16_384

export type OutgoingCallOptions = AddressPolicy & { readonly timeoutMs?: number }

export function createOutgoingCalls({
  timeoutMs = CALL_TIMEOUT_MS,
  ...policy
}: OutgoingCallOptions): OutgoingCalls & AsyncDisposable {
  const agent = createGuardedAgent(policy, { timeoutMs, maxHeaderBytes: MAX_HEADER_BYTES })
  return {
    [Symbol.asyncDispose]: () => agent.destroy(),
    async call(request, signal) {
      const timeout = AbortSignal.timeout(timeoutMs)
      try {
        const { origin, pathname, search } = checkedUrl(request.url, policy)
        const answer = await agent.request({
          ...{ origin, path: `${pathname}${search}`, method: methodOf(request) },
          headers: request.headers,
          body: request.body ?? null,
          signal: AbortSignal.any([signal, timeout]),
        })
        return await answerOf(answer, request.maxBytes)
      } catch (error) {
        signal.throwIfAborted()
        throw faultOf(error, timeout)
      }
    },
  }
}

function methodOf({ method }: OutgoingRequest): Dispatcher.HttpMethod {
  if (!/^[A-Z]{1,20}$/.test(method) || method === 'CONNECT')
    throw new OutgoingCallError('bad-request', 'This is not a method that can be sent.')
  return method as Dispatcher.HttpMethod
}

async function answerOf(
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  maxBytes: number,
): Promise<OutgoingAnswer> {
  try {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength
      if (bytes > maxBytes)
        throw new OutgoingCallError('too-large', `The answer has more than ${maxBytes} bytes.`)
      chunks.push(chunk)
    }
    return { status, headers: flat(headers), body: Buffer.concat(chunks, bytes) }
  } finally {
    body.on('error', () => {}).destroy()
  }
}

function flat(headers: Dispatcher.ResponseData['headers']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )
}

function faultOf(error: unknown, timeout: AbortSignal): OutgoingCallError {
  if (error instanceof OutgoingCallError) return error
  if (timeout.aborted || isTimeout(error))
    return new OutgoingCallError('timeout', 'There was no answer in time.')
  if (isRefusedAddress(error))
    return new OutgoingCallError('address-refused', refusalIn(error) ?? 'It may not be called.')
  if (error instanceof errors.InvalidArgumentError || error instanceof TypeError)
    return new OutgoingCallError('bad-request', 'The request has headers that cannot be sent.')
  return new OutgoingCallError('unreachable', 'The address cannot be reached, or broke off.')
}

function refusalIn(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause)
    if (each instanceof UpstreamError) return each.message
  return undefined
}
