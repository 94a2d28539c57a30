import { isRecord } from '../../domain/kernel/json.ts'
import type { Entry, EntryKey } from '../../domain/registry/catalogue-entry.ts'
import { problemsOf } from '../../domain/registry/server-json.ts'
import { canonicalJson, sha256 } from '../kernel/canonical-json.ts'

/** The log takes events up to 1 MB; the rest is for what goes around the entry. */
const MAX_ENTRY_BYTES = 900_000
const MAX_NAME_LENGTH = 300
/** Neither a stream's name nor Postgres text can hold them. */
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}]/u

/** An upstream's entry that the mirror can keep, valid or not. */
export type ObservedEntry = EntryKey & {
  readonly entry: Entry
  /** SHA-256 of the entry as canonical JSON. */
  readonly contentHash: string
  readonly problems: readonly string[]
  readonly updatedAt: string | undefined
}

/** @returns a sentence when the entry cannot be kept at all. */
export function observe(entry: unknown): ObservedEntry | string {
  if (!isRecord(entry) || !isRecord(entry.server)) return 'It is not an object with a "server".'
  const { name, version = '' } = entry.server
  if (!isKeyText(name) || name === '') return 'Its name is missing, too long or unprintable.'
  if (!isKeyText(version)) return 'Its version is not a text, too long or unprintable.'
  try {
    const canonical = canonicalJson(entry)
    if (Buffer.byteLength(canonical) > MAX_ENTRY_BYTES)
      return `It has more than ${MAX_ENTRY_BYTES} bytes.`
    return {
      name,
      version,
      entry,
      contentHash: sha256(canonical),
      problems: problemsOf(entry.server),
      updatedAt: updatedAt(entry),
    }
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}

function isKeyText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH && !UNPRINTABLE.test(value)
}

function updatedAt({ _meta }: Readonly<Record<string, unknown>>): string | undefined {
  const official = isRecord(_meta) ? _meta['io.modelcontextprotocol.registry/official'] : undefined
  const value = isRecord(official) ? official.updatedAt : undefined
  return typeof value === 'string' && /^20\d\d-\d\d-\d\dT[\d:.]+Z$/.test(value) ? value : undefined
}
