import pRetry from 'p-retry'
import { Agent, type Dispatcher, errors } from 'undici'
import { type PageRequest, UpstreamError } from '../../services/ports/upstream-registry.ts'
import { retryAfterMs } from '../retry-after.ts'
import { type AddressPolicy, checkedUrl, guardedLookup } from './address-guard.ts'

const MIB = 1024 * 1024
const PAGE_SIZE = 100
const MAX_REDIRECTS = 3
const MAX_BACKOFF_MS = 8_000
/** An upstream that wants to be left alone for longer fails the run; the next one is soon enough. */
const MAX_RETRY_AFTER_MS = 60_000

export type HttpUpstreamOptions = AddressPolicy & {
  /** Requests for one page, the first included. */
  readonly attempts?: number
  /** Longest silence before and between the parts of an answer. */
  readonly silenceMs?: number
  /** For one request and its whole answer: a server that drips is never silent. */
  readonly pageMs?: number
  readonly maxPageBytes?: number
  readonly minBackoffMs?: number
}

export type HttpUpstream = {
  readonly check: (location: string) => void
  readonly fetchPage: (location: string, request: PageRequest) => Promise<Uint8Array>
  readonly close: () => Promise<void>
}

/** Pages of a server that speaks the official registry API. */
export function createHttpUpstream({
  allowPrivate,
  attempts = 4,
  silenceMs = 30_000,
  pageMs = 60_000,
  maxPageBytes = 20 * MIB,
  minBackoffMs = 250,
}: HttpUpstreamOptions): HttpUpstream {
  const policy = { allowPrivate }
  const agent = new Agent({
    connect: { lookup: guardedLookup(policy), timeout: silenceMs },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  })
  return {
    check: (location) => void checkedUrl(location, policy),
    close: () => agent.destroy(),
    async fetchPage(location, request) {
      const url = pageUrl(checkedUrl(location, policy), request)
      return pRetry(() => getPage({ agent, policy, maxPageBytes, pageMs }, url, request.signal), {
        retries: attempts - 1,
        minTimeout: minBackoffMs,
        maxTimeout: MAX_BACKOFF_MS,
        randomize: true,
        signal: request.signal,
        shouldRetry: ({ error }) => error instanceof UpstreamError && error.transient,
        onFailedAttempt: async ({ error, retriesLeft }) => {
          if (error instanceof UpstreamError && error.transient && retriesLeft > 0)
            await pause(error.retryAfterMs ?? 0, request.signal)
        },
      })
    },
  }
}

function pageUrl(base: URL, { cursor, updatedSince }: PageRequest): URL {
  const url = new URL(base)
  const path = url.pathname.replace(/\/+$/, '')
  url.pathname = path.endsWith('/servers')
    ? path
    : `${path.replace(/\/v0(\.1)?$/, '')}/v0.1/servers`
  url.hash = ''
  url.searchParams.set('limit', String(PAGE_SIZE))
  // Deleted versions are listed as such, instead of looking like they never were.
  url.searchParams.set('include_deleted', 'true')
  if (cursor !== undefined) url.searchParams.set('cursor', cursor)
  if (updatedSince !== undefined) url.searchParams.set('updated_since', updatedSince)
  return url
}

type PageLimits = {
  readonly agent: Agent
  readonly policy: AddressPolicy
  readonly maxPageBytes: number
  readonly pageMs: number
}

/** @throws {UpstreamError} also when the page takes too long, which neither silence nor size tells. */
async function getPage(limits: PageLimits, first: URL, stopping: AbortSignal): Promise<Uint8Array> {
  const late = AbortSignal.timeout(limits.pageMs)
  try {
    return await followTo(limits, first, AbortSignal.any([stopping, late]))
  } catch (error) {
    if (!late.aborted || stopping.aborted) throw error
    throw new UpstreamError('upstream-timeout', 'It took too long to answer.', {
      ...{ cause: error, transient: true },
    })
  }
}

async function followTo(
  { agent, policy, maxPageBytes }: PageLimits,
  first: URL,
  signal: AbortSignal,
): Promise<Uint8Array> {
  let url = first
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await get(agent, url, signal)
    const target = redirectTarget(answer, url)
    if (target === undefined) return readBody(answer, maxPageBytes)
    drop(answer)
    url = checkedUrl(target.href, policy)
    if (first.protocol === 'https:' && url.protocol !== 'https:')
      throw new UpstreamError('upstream-address-refused', 'It leads from https to http.')
  }
  throw new UpstreamError(
    'upstream-redirect-loop',
    `It leads on and on: more than ${MAX_REDIRECTS} redirects for one page.`,
  )
}

async function get(agent: Agent, url: URL, signal: AbortSignal) {
  try {
    return await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: { accept: 'application/json', 'user-agent': 'tidemark' },
      signal,
    })
  } catch (error) {
    throw faultOf(error, signal)
  }
}

function redirectTarget(answer: Dispatcher.ResponseData, from: URL): URL | undefined {
  const { location } = answer.headers
  if (answer.statusCode < 300 || answer.statusCode > 399 || typeof location !== 'string')
    return undefined
  if (!URL.canParse(location, from.href))
    throw new UpstreamError('upstream-status', 'It redirects to something that is no address.')
  return new URL(location, from)
}

async function readBody(answer: Dispatcher.ResponseData, maxBytes: number): Promise<Uint8Array> {
  const { statusCode, headers, body } = answer
  try {
    if (statusCode !== 200) throw statusFault(statusCode, headers['retry-after'])
    if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength
      if (bytes > maxBytes) throw tooLarge(maxBytes)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, bytes)
  } catch (error) {
    drop(answer)
    throw error instanceof UpstreamError ? error : faultOf(error, undefined, true)
  }
}

/** Closes the connection: the rest of the answer is not wanted. */
function drop({ body }: Dispatcher.ResponseData): void {
  body.on('error', () => {}).destroy()
}

function statusFault(status: number, retryAfter: string | string[] | undefined): UpstreamError {
  const waitMs = retryAfterMs(retryAfter)
  const transient = (status === 429 || status >= 500) && (waitMs ?? 0) <= MAX_RETRY_AFTER_MS
  return new UpstreamError('upstream-status', `It answered with status ${status}.`, {
    transient,
    retryAfterMs: waitMs,
  })
}

function tooLarge(maxBytes: number): UpstreamError {
  return new UpstreamError('upstream-too-large', `One page has more than ${maxBytes} bytes.`)
}

/** @param begun whether the answer had begun when it went wrong. */
function faultOf(error: unknown, signal?: AbortSignal, begun = false): unknown {
  if (signal?.aborted || error instanceof UpstreamError) return error
  if (error instanceof Error && error.name === 'AbortError') return error
  const cause = { cause: error, transient: true }
  if (
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError
  )
    return new UpstreamError('upstream-timeout', 'It was silent for too long.', cause)
  if (begun) return new UpstreamError('upstream-truncated', 'The answer broke off.', cause)
  return new UpstreamError('upstream-unreachable', 'It cannot be reached.', cause)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return
  await new Promise<void>((resolve) => {
    const go = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', go)
      resolve()
    }
    const timer = setTimeout(go, ms)
    signal.addEventListener('abort', go)
  })
}
