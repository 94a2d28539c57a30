import { sha256 } from '../kernel/canonical-json.ts'
import type { SeenPage } from '../ports/sync-ledger.ts'
import {
  type UpstreamAddress,
  UpstreamError,
  type UpstreamRegistry,
} from '../ports/upstream-registry.ts'
import type { SyncLimits } from './sync-limits.ts'
import { readPage, type UpstreamPage } from './upstream-page.ts'

export type WalkOptions = {
  readonly upstream: UpstreamRegistry
  readonly address: UpstreamAddress
  readonly limits: SyncLimits
  readonly signal: AbortSignal
  readonly updatedSince?: string | undefined
  /** Pages as they were last time, by cursor. */
  readonly lastTime?: ReadonlyMap<string, SeenPage>
  /** Told of every page that came. */
  readonly onPage: (bytes: number) => void
}

export type WalkedPage = {
  /** Empty for the first page. */
  readonly cursor: string
  readonly bodyHash: string
  readonly nextCursor: string | undefined
  /** What it was last time, when its bytes are the same. */
  readonly unchanged: SeenPage | undefined
  /** Reads the entries; a page that did not change need not be read. */
  readonly read: () => UpstreamPage
}

/**
 * Every page of the upstream from the first to the last, each fetched while the one before it
 * is being worked on. That the last page was reached is the proof that the walk is complete.
 *
 * @throws {UpstreamError} when a page cannot be had, the pages go in circles or cost too much.
 */
export async function* walkPages(options: WalkOptions): AsyncGenerator<WalkedPage> {
  const { limits } = options
  const cursors = new Set<string>()
  let bytes = 0
  let fetched = fetchPage(options, '')
  for (let cursor = ''; ; ) {
    const body = await fetched
    bytes += body.byteLength
    options.onPage(body.byteLength)
    cursors.add(cursor)
    if (bytes > limits.maxBytes)
      throw new UpstreamError('upstream-too-large', `It has more than ${limits.maxBytes} bytes.`)
    const page = identify(options, cursor, body)
    const { nextCursor } = page
    if (nextCursor === undefined) {
      yield page
      return
    }
    if (cursors.has(nextCursor))
      throw new UpstreamError('upstream-cursor-loop', 'Its pages lead back to an earlier page.')
    if (cursors.size >= limits.maxPages)
      throw new UpstreamError(
        'upstream-too-many-pages',
        `It has more than ${limits.maxPages} pages.`,
      )
    fetched = fetchPage(options, nextCursor)
    // Awaited in the next turn; when the consumer gives up before that, nobody is left to hear it.
    fetched.catch(() => {})
    yield page
    cursor = nextCursor
  }
}

function fetchPage(
  { upstream, address, signal, updatedSince }: WalkOptions,
  cursor: string,
): Promise<Uint8Array> {
  return upstream.fetchPage(address, {
    signal,
    ...(cursor === '' ? {} : { cursor }),
    ...(updatedSince === undefined ? {} : { updatedSince }),
  })
}

function identify(
  { address, lastTime }: WalkOptions,
  cursor: string,
  body: Uint8Array,
): WalkedPage {
  const bodyHash = sha256(body)
  const seen = lastTime?.get(cursor)
  let page: UpstreamPage | undefined
  const read = () => {
    page ??= readPage(address.kind, body)
    return page
  }
  if (seen?.bodyHash === bodyHash)
    return { cursor, bodyHash, nextCursor: seen.nextCursor, unchanged: seen, read }
  return { cursor, bodyHash, nextCursor: read().nextCursor, unchanged: undefined, read }
}
