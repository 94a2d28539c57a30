import type { Row } from './read-model.ts'

/** A statement's parameter stays far below what the protocol and a JavaScript string can hold. */
const MAX_CHUNK_LENGTH = 16 * 1024 * 1024

/** U+0000 and lone surrogates, as `JSON.stringify` writes them: Postgres refuses both in text. */
const UNSTORABLE = /\\u(?:0000|d[89a-f][0-9a-f]{2})/i

/**
 * The rows as JSON arrays for `json_populate_recordset`, which gives each value the type of
 * its column. Mostly one array; more when the rows are large.
 *
 * U+0000 and lone surrogates become U+FFFD: they are legal in an event and not in a table.
 */
export function jsonRows(rows: Iterable<Row>): string[] {
  const chunks: string[] = []
  let parts: string[] = []
  let length = 0
  for (const row of rows) {
    const part = encode(row)
    if (length > 0 && length + part.length > MAX_CHUNK_LENGTH) {
      chunks.push(`[${parts.join(',')}]`)
      parts = []
      length = 0
    }
    parts.push(part)
    length += part.length
  }
  if (parts.length > 0) chunks.push(`[${parts.join(',')}]`)
  return chunks
}

function encode(row: Row): string {
  const json = JSON.stringify(plain(row))
  return UNSTORABLE.test(json) ? JSON.stringify(storable(plain(row))) : json
}

/** Values that JSON cannot express, as Postgres reads them. */
function plain(row: Row): Row {
  let changed: Record<string, unknown> | undefined
  for (const column in row) {
    const value = row[column]
    const text = asText(value)
    if (text === undefined) continue
    changed ??= { ...row }
    changed[column] = text
  }
  return changed ?? row
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : undefined
}

function storable(value: unknown): unknown {
  if (typeof value === 'string')
    return value.replaceAll(/\p{Surrogate}/gu, '\uFFFD').replaceAll('\u0000', '\uFFFD')
  if (Array.isArray(value)) return value.map(storable)
  if (value === null || typeof value !== 'object' || value instanceof Date) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [String(storable(name)), storable(inner)]),
  )
}
