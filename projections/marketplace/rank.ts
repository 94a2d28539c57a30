import type { Lexicon, Meaning } from './query-words.ts'
import type { ServiceRow } from './services.ts'
import { wordsOf, wordsOfName } from './words.ts'

// BM25F: how much a service says of what was asked for, the rarer the word the more.

const FIELD_WEIGHT = { name: 5, title: 4, tags: 2, description: 1 } as const
/** Saturation: the second mention of a word says less than the first. */
const K1 = 1.2
/** How much of a long field's advantage is taken away. */
const B = 0.5
const EXPECTED_WORDS = { name: 6, title: 3, tags: 4, description: 12 } as const
/** For a service whose name is what was written; no sum of words outweighs it. */
const EXACT_NAME = 1_000
const NAME_END = 30

export type Ranked = { readonly service: ServiceRow; readonly score: number }

/** Best first; equals by name. */
export function rank(query: string, lexicon: Lexicon, candidates: readonly ServiceRow[]): Ranked[] {
  const asked = query.trim().toLowerCase()
  return candidates
    .map((service) => ({ service, score: score(asked, lexicon, service) }))
    .sort((a, b) => b.score - a.score || (a.service.name < b.service.name ? -1 : 1))
}

function score(asked: string, lexicon: Lexicon, service: ServiceRow): number {
  const fields = {
    name: wordsOfName(service.name),
    title: wordsOf(service.title ?? ''),
    tags: service.tags.flatMap(wordsOf),
    description: wordsOf(service.description),
  }
  const perWord = lexicon.words.map(({ meanings }) =>
    Math.max(0, ...meanings.map((meaning) => contribution(meaning, lexicon.services, fields))),
  )
  const found = perWord.filter((part) => part > 0).length
  const coverage = (found / Math.max(1, perWord.length)) ** 2
  const sum = perWord.reduce((total, part) => total + part, 0)
  const active = service.status === 'active' ? 1 : 0.5
  return sum * (0.25 + coverage) * active + nameBonus(asked, service)
}

function nameBonus(asked: string, { name, title }: ServiceRow): number {
  const lower = name.toLowerCase()
  if (lower === asked) return EXACT_NAME
  const end = lower.slice(lower.lastIndexOf('/') + 1)
  return end === asked || title?.toLowerCase() === asked ? NAME_END : 0
}

type Fields = Readonly<Record<keyof typeof FIELD_WEIGHT, readonly string[]>>

function contribution({ word, services, certainty }: Meaning, all: number, fields: Fields): number {
  let weighted = 0
  for (const field of Object.keys(FIELD_WEIGHT) as (keyof typeof FIELD_WEIGHT)[]) {
    const words = fields[field]
    const times = words.filter((each) => each === word).length
    if (times === 0) continue
    const length = 1 - B + (B * words.length) / EXPECTED_WORDS[field]
    weighted += (FIELD_WEIGHT[field] * times) / length
  }
  const rarity = Math.log(1 + (all - services + 0.5) / (services + 0.5))
  return certainty * Math.max(0, rarity) * (weighted / (weighted + K1))
}
