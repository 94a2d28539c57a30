import { createHash } from 'node:crypto'

/** Deeper values are refused: nothing that is described here needs it, and recursion has an end. */
const MAX_DEPTH = 64

/**
 * RFC 8785: no blanks, members sorted by their UTF-16 code units, numbers and strings as
 * ECMAScript writes them. Equal values have equal text, whatever order their members came in.
 *
 * @throws {RangeError} when `value` is nested deeper than 64 levels, or holds a number that no double can.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw new RangeError(`It is nested deeper than ${MAX_DEPTH} levels.`)
  // `JSON.parse` makes Infinity of 1e999.
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError('It holds a number that is too large.')
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value))
    return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`
  const members = value as Readonly<Record<string, unknown>>
  const texts = Object.keys(members)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(members[name], depth + 1)}`)
  return `{${texts.join(',')}}`
}

/** Hexadecimal SHA-256. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
