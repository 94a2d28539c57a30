import { type Kysely, sql } from 'kysely'
import type { CatalogueTables } from '../registry/catalogue-tables.ts'
import { editDistance } from './edit-distance.ts'

// What a query's words can mean, from the words that services use.

const MAX_ALTERNATIVES = 4
const MAX_COMPLETIONS = 12
const MAX_NEIGHBOURS = 60
/** Shorter words have too many neighbours to guess at. */
const MIN_REPAIRABLE = 4

/** A word that services use, and how sure it is that it was meant: 1 = it was written so. */
export type Meaning = {
  readonly word: string
  readonly services: number
  readonly certainty: number
}

export type QueryWord = { readonly written: string; readonly meanings: readonly Meaning[] }

export type Lexicon = {
  readonly words: readonly QueryWord[]
  /** How many services there are. */
  readonly services: number
}

type Neighbour = {
  readonly written: string
  readonly word: string
  readonly services: number
}

/**
 * Looks the words up: as written; the last one also as the beginning of a word, because it may
 * still be being typed; and what no service uses, as a misspelling of what some do.
 */
export async function lookUp(
  db: Kysely<CatalogueTables>,
  tenantId: string,
  written: readonly string[],
): Promise<Lexicon> {
  const last = written.at(-1) ?? ''
  const [exact, completions] = await Promise.all([
    exactly(db, tenantId, ['', ...written]),
    beginningWith(db, tenantId, last),
  ])
  const counts = new Map(exact.map(({ word, services }) => [word, services]))
  const unknown = written.filter(
    (word) =>
      !counts.has(word) &&
      word.length >= MIN_REPAIRABLE &&
      (word !== last || completions.length === 0),
  )
  const repairs = await alike(db, tenantId, unknown)
  const words = written.map((word) => ({
    written: word,
    meanings: [
      ...meaningAsWritten(word, counts.get(word)),
      ...(word === last ? completed(word, completions) : []),
      ...repaired(word, repairs),
    ],
  }))
  return { words, services: counts.get('') ?? 0 }
}

function meaningAsWritten(word: string, services: number | undefined): Meaning[] {
  return services === undefined ? [] : [{ word, services, certainty: 1 }]
}

function completed(written: string, completions: readonly Neighbour[]): Meaning[] {
  return completions
    .filter(({ word }) => word !== written)
    .map(({ word, services }) => ({
      word,
      services,
      certainty: 0.4 + (0.5 * written.length) / word.length,
    }))
}

/** Nearest first, and among the equally near the more used. */
function repaired(written: string, neighbours: readonly Neighbour[]): Meaning[] {
  const limit = written.length > 7 ? 2 : 1
  const near = neighbours
    .filter((neighbour) => neighbour.written === written)
    .map((neighbour) => ({ ...neighbour, edits: editDistance(written, neighbour.word) }))
    .sort((a, b) => a.edits - b.edits || b.services - a.services)
  const close = near.filter(({ edits }) => edits <= limit)
  const part = near.filter(({ word }) => word.includes(written) || written.includes(word))
  return (close.length > 0 ? close : part.length > 0 ? part : near.slice(0, 1))
    .slice(0, MAX_ALTERNATIVES)
    .map(({ word, services, edits }) => ({ word, services, certainty: 0.8 / (edits + 0.2) ** 0.5 }))
    .map((meaning) => ({ ...meaning, certainty: Math.min(0.8, meaning.certainty) }))
}

async function exactly(
  db: Kysely<CatalogueTables>,
  tenantId: string,
  words: readonly string[],
): Promise<{ word: string; services: number }[]> {
  return db
    .selectFrom('service_words')
    .select(['word', 'services'])
    .where('tenant_id', '=', tenantId)
    .where('word', 'in', words)
    .execute()
}

async function beginningWith(
  db: Kysely<CatalogueTables>,
  tenantId: string,
  start: string,
): Promise<Neighbour[]> {
  if (start.length < 2) return []
  const { rows } = await sql<Neighbour>`
    select ${start} as written, word, services from service_words
    where tenant_id = ${tenantId} and word like ${`${start}%`}
    order by services desc, word limit ${MAX_COMPLETIONS}`.execute(db)
  return rows
}

/**
 * Words that share trigrams with it, or its first two letters and about its length: two letters
 * that swapped places leave few trigrams the same. The exact distance is counted afterwards.
 */
async function alike(
  db: Kysely<CatalogueTables>,
  tenantId: string,
  words: readonly string[],
): Promise<Neighbour[]> {
  if (words.length === 0) return []
  const { rows } = await sql<Neighbour>`
    select q.written, n.word, n.services
    from unnest(${words}::text[]) as q (written)
    cross join lateral (
      (select word, services from service_words
        where tenant_id = ${tenantId} and word % q.written
        order by similarity(word, q.written) desc, word limit ${MAX_NEIGHBOURS})
      union
      (select word, services from service_words
        where tenant_id = ${tenantId} and word like left(q.written, 2) || '%'
          and length(word) between length(q.written) - 1 and length(q.written) + 1
        order by services desc, word limit ${MAX_NEIGHBOURS})) n`.execute(db)
  return rows
}
