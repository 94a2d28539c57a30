import { type Kysely, sql } from 'kysely'
import type { CatalogueTables } from '../registry/catalogue-tables.ts'
import { type Lexicon, lookUp, type QueryWord } from './query-words.ts'
import { type Ranked, rank } from './rank.ts'
import { filtered, SERVICE_COLUMNS, type ServiceFilter, type ServiceRow } from './services.ts'
import { wordsOf } from './words.ts'

// Search in two steps: the index gives candidates, most specific first and never too many of
// them, and the ranking looks at each. So the time does not grow with how common a word is.

type Db = Kysely<CatalogueTables>

const MAX_WORDS = 8
const MAX_QUERY_LENGTH = 200
/** Also the largest number of results of one search. */
export const MAX_CANDIDATES = 500
/** Words in more services than this select nothing as long as there are rarer ones. */
const COMMON = 2_000

export type SearchResult = {
  readonly results: readonly Ranked[]
  readonly lexicon: Lexicon
}

export async function searchServices(
  db: Db,
  tenantId: string,
  query: string,
  filter: ServiceFilter,
): Promise<SearchResult> {
  const asked = query.slice(0, MAX_QUERY_LENGTH)
  const written = [...new Set(wordsOf(asked))].slice(0, MAX_WORDS)
  if (written.length === 0) return { results: [], lexicon: { words: [], services: 0 } }
  const lexicon = await lookUp(db, tenantId, written)
  const found = new Map<string, ServiceRow>()
  const exact = candidates(db, tenantId, filter).where('name', '=', asked.trim()).execute()
  for (const row of await exact) found.set(row.name, row)
  for (const expression of expressions(lexicon)) {
    if (found.size >= MAX_CANDIDATES) break
    const rows = await candidates(db, tenantId, filter)
      .where(sql<boolean>`search @@ ${expression}::tsquery`)
      .limit(MAX_CANDIDATES)
      .execute()
    for (const row of rows) if (found.size < MAX_CANDIDATES) found.set(row.name, row)
    if (isEnough(found.size)) break
  }
  return { results: rank(asked, lexicon, [...found.values()]), lexicon }
}

function candidates(db: Db, tenantId: string, filter: ServiceFilter) {
  return filtered(db.selectFrom('services').where('tenant_id', '=', tenantId), filter).select(
    SERVICE_COLUMNS,
  )
}

/** A page full of services that have all the words needs none that have only some. */
function isEnough(found: number): boolean {
  return found >= 20
}

/**
 * What to ask the index, one after the other until there is enough: in the names, all words;
 * anywhere, all words; the rarer words together; any of the rarer words.
 */
function expressions({ words }: Lexicon): string[] {
  const known = words.filter(({ meanings }) => meanings.length > 0)
  if (known.length === 0) return []
  const rare = known.filter((word) => servicesOf(word) <= COMMON)
  const all = known.map((word) => anyMeaning(word)).join(' & ')
  if (rare.length === 0)
    return [known.map((word) => anyMeaning(word, 'A')).join(' & '), all, rarestOf(known)]
  const together = rare.map((word) => anyMeaning(word)).join(' & ')
  const either = rare.map((word) => anyMeaning(word)).join(' | ')
  return [...new Set([all, together, either])]
}

function rarestOf(words: readonly QueryWord[]): string {
  const [rarest] = [...words].sort((a, b) => servicesOf(a) - servicesOf(b))
  return rarest === undefined ? '' : anyMeaning(rarest, 'A')
}

function servicesOf({ meanings }: QueryWord): number {
  return meanings.reduce((sum, { services }) => sum + services, 0)
}

/** Words are letters and digits only, so quoting needs no escapes. */
function anyMeaning({ meanings }: QueryWord, weight = ''): string {
  const suffix = weight === '' ? '' : `:${weight}`
  return `(${meanings.map(({ word }) => `'${word}'${suffix}`).join(' | ')})`
}
