import type { Column } from './columns.ts'

/** U+0000 and lone surrogates, as `JSON.stringify` writes them: Postgres refuses both in JSON. */
const UNSTORABLE = /\\u(?:0000|d[89a-f][0-9a-f]{2})/i

/**
 * The value as Postgres reads it from text into a column of this kind; null when it is blank.
 *
 * U+0000 and lone surrogates become U+FFFD: they are legal in an event and not in a table.
 */
export function literal(value: unknown, kind: Column['kind']): string | null {
  if (value === undefined || value === null) return null
  if (kind === 'json') return json(value)
  if (kind === 'array' && Array.isArray(value)) return array(value)
  return text(value)
}

function json(value: unknown): string {
  const written = JSON.stringify(value)
  return UNSTORABLE.test(written) ? JSON.stringify(storable(value)) : written
}

function array(values: readonly unknown[]): string {
  return `{${values.map(element).join(',')}}`
}

function element(value: unknown): string {
  if (value === undefined || value === null) return 'NULL'
  if (Array.isArray(value)) return array(value)
  return `"${text(value).replaceAll(/["\\]/g, '\\$&')}"`
}

function text(value: unknown): string {
  if (typeof value === 'string') return value.includes('\u0000') ? withoutNul(value) : value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return typeof value === 'object' ? json(value) : String(value)
}

function withoutNul(value: string): string {
  return value.replaceAll('\u0000', '\uFFFD')
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return withoutNul(value.replaceAll(/\p{Surrogate}/gu, '\uFFFD'))
  if (Array.isArray(value)) return value.map(storable)
  if (value === null || typeof value !== 'object' || value instanceof Date) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [String(storable(name)), storable(inner)]),
  )
}
