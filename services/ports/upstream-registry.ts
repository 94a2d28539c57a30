/** Where a source's entries come from: the base URL of a registry, or the path of a snapshot. */
export type UpstreamAddress = {
  readonly kind: 'official' | 'file'
  readonly location: string
}

export type PageRequest = {
  /** As the page before gave it; undefined asks for the first page. */
  readonly cursor?: string
  /** RFC 3339: only entries that the upstream says it updated since then. */
  readonly updatedSince?: string
  readonly signal: AbortSignal
}

/**
 * Reads a registry that somebody else runs. Bounds every single read: its bytes, its time,
 * its redirects, its retries. What a page says is for the caller to judge.
 */
export interface UpstreamRegistry {
  /** @throws {UpstreamError} when the operator does not allow to read from this address. */
  check(address: UpstreamAddress): Promise<void>
  /**
   * One page's bytes as they came. A file is one page and knows no `updatedSince`.
   *
   * @throws {UpstreamError} when the page cannot be had, after the retries that made sense.
   */
  fetchPage(address: UpstreamAddress, request: PageRequest): Promise<Uint8Array>
}

/** Every way in which an upstream can disappoint; stable, in events and problems. */
export type UpstreamFault =
  | 'upstream-unreachable'
  | 'upstream-timeout'
  | 'upstream-status'
  | 'upstream-redirect-loop'
  | 'upstream-too-large'
  | 'upstream-truncated'
  | 'upstream-not-json'
  | 'upstream-wrong-shape'
  | 'upstream-cursor-loop'
  | 'upstream-too-many-pages'
  | 'upstream-too-slow'
  | 'upstream-shrank'
  | 'upstream-address-refused'
  | 'file-refused'
  | 'file-not-found'

export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly code: UpstreamFault
  /** Asking again may help. */
  readonly transient: boolean
  /** How long the upstream asked to be left alone. */
  readonly retryAfterMs: number | undefined

  /** @param detail one sentence for a person. */
  constructor(
    code: UpstreamFault,
    detail: string,
    options: {
      readonly transient?: boolean
      readonly retryAfterMs?: number | undefined
      readonly cause?: unknown
    } = {},
  ) {
    super(detail, { cause: options.cause })
    this.code = code
    this.transient = options.transient ?? false
    this.retryAfterMs = options.retryAfterMs
  }
}
