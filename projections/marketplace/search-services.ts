import { type Kysely, sql } from 'kysely'
import type { CatalogueTables } from '../registry/catalogue-tables.ts'
import { likeLiteral } from '../registry/registry-api.ts'
import { type Lexicon, lookUp, type QueryWord } from './query-words.ts'
import { type Candidate, rank } from './rank.ts'
import { inName } from './service-document.ts'
import { filtered, type ServiceFilter, type ServiceRow, servicesNamed } from './services.ts'
import { meaningfulWordsOf } from './words.ts'

// Search in two steps: the index gives candidates, most specific first and never too many of
// them, and the ranking looks at each. So the time does not grow with how common a word is.

type Db = Kysely<CatalogueTables>

const MAX_WORDS = 8
const MAX_QUERY_LENGTH = 200
/** Also the largest number of results of one search. */
export const MAX_CANDIDATES = 500
const MAX_NAMED = 50
/** Words in more services than this select nothing as long as there are rarer ones. */
const COMMON = 2_000

export type SearchResult = {
  /** How many services were found, `MAX_CANDIDATES` at most. */
  readonly total: number
  /** The page that was asked for, best first. */
  readonly services: readonly ServiceRow[]
}

export async function searchServices(
  db: Db,
  tenantId: string,
  query: string,
  filter: ServiceFilter,
  page: { readonly offset: number; readonly limit: number },
): Promise<SearchResult> {
  const asked = query.slice(0, MAX_QUERY_LENGTH)
  const written = [...new Set(meaningfulWordsOf(asked))].slice(0, MAX_WORDS)
  if (written.length === 0) return { total: 0, services: [] }
  const [lexicon, named] = await Promise.all([
    lookUp(db, tenantId, written),
    candidatesNamed(db, tenantId, filter, asked.trim()),
  ])
  const found = new Map(named.map((candidate) => [candidate.name, candidate]))
  for (const expression of expressions(lexicon)) {
    for (const candidate of await candidates(db, tenantId, filter, expression))
      if (found.size < MAX_CANDIDATES) found.set(candidate.name, candidate)
    if (isEnough(found.size)) break
  }
  const ranked = rank(asked, lexicon, [...found.values()])
  const names = ranked.slice(page.offset, page.offset + page.limit)
  return { total: ranked.length, services: await servicesNamed(db, tenantId, names) }
}

function candidates(
  db: Db,
  tenantId: string,
  filter: ServiceFilter,
  expression: string,
): Promise<Candidate[]> {
  return select(db, tenantId, filter)
    .where(sql<boolean>`search @@ ${expression}::tsquery`)
    .limit(MAX_CANDIDATES)
    .execute()
}

/** What was written may be a whole name, or the beginning of one from its namespace on. */
function candidatesNamed(
  db: Db,
  tenantId: string,
  filter: ServiceFilter,
  name: string,
): Promise<Candidate[]> {
  const query = select(db, tenantId, filter)
  if (!name.includes('/')) return query.where('name', '=', name).execute()
  return query
    .where('name', 'like', `${likeLiteral(name)}%`)
    .orderBy('name')
    .limit(MAX_NAMED)
    .execute()
}

function select(db: Db, tenantId: string, filter: ServiceFilter) {
  return filtered(db.selectFrom('services').where('tenant_id', '=', tenantId), filter).select([
    'name',
    'title',
    'status',
    sql<string>`search::text`.as('search'),
    sql<number>`cardinality(words)`.as('words'),
  ])
}

/** A page full of services that have all the words needs none that have only some. */
function isEnough(found: number): boolean {
  return found >= 20
}

/**
 * What to ask the index, one after the other until there is enough: all words; the rarer words
 * together; any of the rarer words. Where every word is common, services with them in the name.
 */
function expressions({ words }: Lexicon): string[] {
  const known = words.filter(({ meanings }) => meanings.length > 0)
  if (known.length === 0) return []
  const all = conjunction(known)
  const rare = known.filter((word) => servicesOf(word) <= COMMON)
  if (rare.length === 0) return [conjunction(known, inName), all, anyOf(rarestOf(known), inName)]
  const either = rare.map((word) => anyOf(word)).join(' | ')
  return [...new Set([all, conjunction(rare), either])]
}

function rarestOf(words: readonly QueryWord[]): QueryWord {
  return words.reduce((rarest, word) => (servicesOf(word) < servicesOf(rarest) ? word : rarest))
}

function servicesOf({ meanings }: QueryWord): number {
  return meanings.reduce((sum, { services }) => sum + services, 0)
}

type Spelling = (word: string) => string
const itself: Spelling = (word) => word

function conjunction(words: readonly QueryWord[], spelling = itself): string {
  return words.map((word) => anyOf(word, spelling)).join(' & ')
}

/** Words are letters and digits only, so quoting needs no escapes. */
function anyOf({ meanings }: QueryWord, spelling = itself): string {
  return `(${meanings.map(({ word }) => `'${spelling(word)}'`).join(' | ')})`
}
