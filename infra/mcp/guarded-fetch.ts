import type { FetchLike } from '@modelcontextprotocol/client'
import { Agent, fetch as undiciFetch } from 'undici'
import {
  type AddressPolicy,
  checkedUrl,
  guardedLookup,
  isRefusedAddress,
} from '../registry/address-guard.ts'

const CONNECT_TIMEOUT_MS = 10_000
const HEADERS_TIMEOUT_MS = 60_000
/** Between the parts of an answer; a stream of events may be silent for longer than a call. */
const SILENCE_MS = 5 * 60_000

/** The address is in a network that remote servers must not be in. */
export class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError'
}

export type GuardedFetch = AsyncDisposable & { readonly fetch: FetchLike }

/**
 * `fetch` for addresses that a third party wrote: checks literals before and names while they
 * are dialled, and does not follow redirects, which could lead past the check.
 *
 * @throws {PrivateAddressError}
 */
export function createGuardedFetch(policy: AddressPolicy): GuardedFetch {
  const dispatcher = new Agent({
    connect: { lookup: guardedLookup(policy), timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: SILENCE_MS,
  })
  return {
    async fetch(url, init) {
      try {
        const checked = checkedUrl(String(url), policy)
        // The global and the package's types of the same standard do not know each other.
        const options = { ...init, redirect: 'error', dispatcher } as Parameters<
          typeof undiciFetch
        >[1]
        return (await undiciFetch(checked, options)) as unknown as Response
      } catch (error) {
        throw isRefusedAddress(error)
          ? new PrivateAddressError('Not allowed.', { cause: error })
          : error
      }
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  }
}
