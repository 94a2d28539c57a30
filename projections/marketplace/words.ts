// How text becomes search words. Queries and services go through the same function, so what
// was written and what is asked for meet.

const MAX_WORD_LENGTH = 40
const MIN_STEM_LENGTH = 4

/** Lower case, without accents, in the singular; letters and digits only. */
export function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  )
    .filter((word) => word.length <= MAX_WORD_LENGTH)
    .map(singular)
}

const FILLERS = new Set(
  'a an and are as at by for from in is it of on or that the to with'.split(' '),
)

/** A query's words without those that nobody looks for, unless there are no others. */
export function meaningfulWordsOf(query: string): string[] {
  const words = wordsOf(query)
  const meaningful = words.filter((word) => !FILLERS.has(word))
  return meaningful.length > 0 ? meaningful : words
}

/**
 * A name's words: also the parts of a `camelCase` word, and the last segment's parts as one
 * word, because people write `localrag` for `local-rag`.
 */
export function wordsOfName(name: string): string[] {
  const parts = wordsOf(name)
  const split = wordsOf(name.replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2'))
  const last = name.slice(name.lastIndexOf('/') + 1)
  const joined = wordsOf(last.replace(/[^\p{L}\p{N}]/gu, ''))
  return [...new Set([...parts, ...split, ...joined])]
}

/** English plurals, roughly: it must be the same on both sides rather than right. */
function singular(word: string): string {
  if (word.length < MIN_STEM_LENGTH || !word.endsWith('s') || /(ss|us|is|os)$/.test(word))
    return word
  if (word.endsWith('ies') && word.length > MIN_STEM_LENGTH) return `${word.slice(0, -3)}y`
  if (/(xes|ches|shes|sses)$/.test(word)) return word.slice(0, -2)
  return word.slice(0, -1)
}
