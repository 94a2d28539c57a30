import { Type } from 'typebox'
import { problem } from './problem.ts'

export const MAX_PAGE_SIZE = 100
/** Of what a page holds: it is in memory as a whole, and one event or entry may have 1 MiB. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024

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

/** The beginning of a list, and whether there is more of it. */
export type Part<Row> = { readonly rows: readonly Row[]; readonly more: boolean }

/**
 * Takes rows until there are `limit` of them or together they have `bytes`; the row that reaches
 * the bound is the last one, so that a page is never empty while there are rows.
 *
 * @param source gives at least one row more than `limit`, when there is one.
 */
export async function takePart<Row>(
  source: AsyncIterable<Row>,
  bounds: { readonly limit: number; readonly bytes: number },
  bytesOf: (row: Row) => number,
): Promise<Part<Row>> {
  const rows: Row[] = []
  let bytes = 0
  for await (const row of source) {
    if (rows.length >= bounds.limit || bytes >= bounds.bytes) return { rows, more: true }
    rows.push(row)
    bytes += bytesOf(row)
  }
  return { rows, more: false }
}

/** @param keyOf the row's sort key, what `decodeCursor` gives back. */
export function pageFrom<Row, Item>(
  { rows, more }: Part<Row>,
  toItem: (row: Row) => Item,
  keyOf: (row: Row) => readonly string[],
): { readonly items: Item[]; readonly nextCursor?: string } {
  const items = rows.map(toItem)
  const last = rows.at(-1)
  if (!more || last === undefined) return { items }
  return { items, nextCursor: encodeCursor(keyOf(last)) }
}

/** A page out of `limit + 1` rows: the one too many says that there is another page. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number = DEFAULT_PAGE_SIZE,
  toItem: (row: Row) => Item,
  keyOf: (row: Row) => readonly string[],
): { readonly items: Item[]; readonly nextCursor?: string } {
  return pageFrom({ rows: rows.slice(0, limit), more: rows.length > limit }, toItem, keyOf)
}
