import { Agent, errors } from 'undici'
import { type AddressPolicy, guardedLookup } from './address-guard.ts'

const IDLE_CONNECTION_MS = 10_000

/** Connections for calls that last no longer than `timeoutMs`, to addresses that the policy allows. */
export function createGuardedAgent(
  policy: AddressPolicy,
  { timeoutMs, maxHeaderBytes }: { readonly timeoutMs: number; readonly maxHeaderBytes: number },
): Agent {
  return new Agent({
    connect: { lookup: guardedLookup(policy), timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    maxHeaderSize: maxHeaderBytes,
  })
}

export function isTimeout(error: unknown): boolean {
  return (
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError
  )
}
