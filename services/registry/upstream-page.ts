import { type UpstreamAddress, UpstreamError } from '../ports/upstream-registry.ts'

/** A cursor becomes part of the next address and a key in the ledger. */
const MAX_CURSOR_LENGTH = 1_000

export type UpstreamPage = {
  readonly entries: readonly unknown[]
  readonly nextCursor: string | undefined
}

/**
 * What a page's bytes say: the official list `{ servers, metadata }`, or for a file also a bare
 * list, with or without a byte order mark.
 *
 * @throws {UpstreamError} when they are not JSON, broke off, or say something else.
 */
export function readPage(kind: UpstreamAddress['kind'], body: Uint8Array): UpstreamPage {
  const page = parse(body)
  if (kind === 'file' && Array.isArray(page)) return { entries: page, nextCursor: undefined }
  if (typeof page !== 'object' || page === null || !('servers' in page))
    throw wrongShape('It has no "servers".')
  const { servers } = page
  // Go writes an empty list as null.
  if (servers !== null && !Array.isArray(servers)) throw wrongShape('"servers" is not a list.')
  const nextCursor = kind === 'file' ? undefined : cursorOf('metadata' in page && page.metadata)
  return { entries: servers ?? [], nextCursor }
}

function parse(body: Uint8Array): unknown {
  const text = new TextDecoder().decode(body)
  try {
    return JSON.parse(text)
  } catch (cause) {
    if (brokeOff(text, cause))
      throw new UpstreamError('upstream-truncated', 'The page broke off in the middle.', { cause })
    throw new UpstreamError('upstream-not-json', 'The answer is not JSON.', { cause })
  }
}

function brokeOff(text: string, fault: unknown): boolean {
  const atTheEnd = fault instanceof Error && /end of JSON input|Unterminated/.test(fault.message)
  return /^\s*[{[]/.test(text) && (atTheEnd || !/[}\]]\s*$/.test(text))
}

/** `next_cursor` is how registries before the first release wrote it. */
function cursorOf(metadata: unknown): string | undefined {
  if (typeof metadata !== 'object' || metadata === null) return undefined
  const { nextCursor, next_cursor } = metadata as Record<string, unknown>
  const cursor = nextCursor ?? next_cursor
  if (cursor === undefined || cursor === null || cursor === '') return undefined
  if (typeof cursor !== 'string' || cursor.length > MAX_CURSOR_LENGTH || cursor.includes('\0'))
    throw wrongShape('The cursor is not a text of reasonable length.')
  return cursor
}

function wrongShape(why: string): UpstreamError {
  return new UpstreamError('upstream-wrong-shape', `The answer is not a list of servers. ${why}`)
}
