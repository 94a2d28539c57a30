import { Type } from 'typebox'
import { problem } from './problem.ts'

export const MAX_PAGE_SIZE = 100

/** Query of every list: how many, and where the page before it ended. */
export const PageQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_PAGE_SIZE, default: 30, description: 'page size' }),
  ),
  cursor: Type.Optional(
    Type.String({ maxLength: 2_000, description: '`nextCursor` of the page before' }),
  ),
}

const DEFAULT_PAGE_SIZE = 30

/** Opaque to callers: the sort key of a page's last item. */
export function encodeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/**
 * @param parts how many strings the sort key has.
 * @throws {ProblemError} 400 `bad-cursor` for what `encodeCursor` did not make.
 */
export function decodeCursor(cursor: string, parts: number): readonly string[] {
  const key = parse(cursor)
  if (Array.isArray(key) && key.length === parts && key.every((part) => isClean(part))) return key
  throw problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}

/** Postgres takes no NUL in a text. */
function isClean(part: unknown): part is string {
  return typeof part === 'string' && !part.includes('\u0000')
}

/**
 * A page out of `limit + 1` rows: the one too many says that there is another page.
 *
 * @param keyOf the item's sort key, what `decodeCursor` gives back.
 */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number = DEFAULT_PAGE_SIZE,
  toItem: (row: Row) => Item,
  keyOf: (row: Row) => readonly string[],
): { readonly items: Item[]; readonly nextCursor?: string } {
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  const items = kept.map(toItem)
  if (rows.length <= limit || last === undefined) return { items }
  return { items, nextCursor: encodeCursor(keyOf(last)) }
}
