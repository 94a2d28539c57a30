import type { Lexicon, Meaning } from './query-words.ts'

// BM25F over what the index holds of each candidate: how much a service says of what was asked
// for, the rarer the word the more.

/** By the field that a word comes from: A name, B title, C tags, D description. */
const FIELD_WEIGHT = { A: 5, B: 4, C: 2, D: 1 } as const
/** Saturation: a word in the name says more than one in the description, but not five times as much. */
const K1 = 1.2
/** How much of a long text's advantage is taken away. */
const B = 0.4
const EXPECTED_WORDS = 22
/** For a service whose name is what was written; no sum of words outweighs it. */
const EXACT_NAME = 1_000
const NAME_START = 100
const NAME_END = 30

export type Candidate = {
  readonly name: string
  readonly title: string | null
  readonly status: string
  /** Text form of the `tsvector`. */
  readonly search: string
  readonly words: number
}

/** Names, best first; equals by name. */
export function rank(query: string, lexicon: Lexicon, candidates: readonly Candidate[]): string[] {
  const asked = query.trim().toLowerCase()
  const meanings = lexicon.words.map((word) =>
    word.meanings.map((meaning) => ({
      // Postgres writes a word as `'word':1A`, and leaves the D away.
      needle: `'${meaning.word}':1`,
      value: meaning.certainty * rarity(meaning, lexicon.services),
    })),
  )
  return candidates
    .map((candidate) => ({ name: candidate.name, score: score(asked, meanings, candidate) }))
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name)
}

function rarity({ services }: Meaning, all: number): number {
  return Math.max(0, Math.log(1 + (all - services + 0.5) / (services + 0.5)))
}

type Needle = { readonly needle: string; readonly value: number }

function score(asked: string, words: readonly (readonly Needle[])[], candidate: Candidate): number {
  const length = 1 - B + (B * candidate.words) / EXPECTED_WORDS
  let sum = 0
  let found = 0
  for (const needles of words) {
    let best = 0
    for (const { needle, value } of needles) {
      const weight = weightOf(needle, candidate.search) / length
      if (weight > 0) best = Math.max(best, value * (weight / (weight + K1)))
    }
    sum += best
    if (best > 0) found++
  }
  const coverage = (found / Math.max(1, words.length)) ** 2
  const active = candidate.status === 'active' ? 1 : 0.5
  return sum * (0.25 + coverage) * active + nameBonus(asked, candidate)
}

/** 0 when the word is not there. */
function weightOf(needle: string, search: string): number {
  const at = search.indexOf(needle)
  if (at < 0) return 0
  const letter = search[at + needle.length]
  return FIELD_WEIGHT[letter === 'A' || letter === 'B' || letter === 'C' ? letter : 'D']
}

function nameBonus(asked: string, { name, title }: Candidate): number {
  const lower = name.toLowerCase()
  if (lower === asked) return EXACT_NAME
  if (asked.includes('/') && lower.startsWith(asked)) return NAME_START
  const end = lower.slice(lower.lastIndexOf('/') + 1)
  if (end === asked || title?.toLowerCase() === asked) return NAME_END
  return asked.length > 2 && end.startsWith(asked) ? NAME_END / 3 : 0
}
