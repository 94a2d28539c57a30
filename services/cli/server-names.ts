import type { Api } from './api.ts'
import { type CliError, usage } from './failure.ts'

const MOST_FOUND = 100

/** Those whose server has exactly this name; else those where the part after the last `/` is it. */
export function namedLike<Item>(
  word: string,
  items: readonly Item[],
  nameOf: (item: Item) => string,
): readonly Item[] {
  const exact = items.filter((item) => nameOf(item) === word)
  return exact.length > 0 ? exact : items.filter((item) => nameOf(item).endsWith(`/${word}`))
}

export function ambiguous(word: string, candidates: readonly string[]): CliError {
  return usage(`"${word}" can mean any of these:\n  ${candidates.join('\n  ')}`)
}

/**
 * @param word a server's name, or what follows the last `/` of it.
 * @returns the name in the catalogue; `word` itself when it lists none like it.
 * @throws {CliError} when it means several.
 */
export async function resolveServer(api: Api, word: string): Promise<string> {
  if (word.includes('/')) return word
  const found = await api.get<{ data: readonly { name: string }[] }>('/v1/services/search', {
    q: word,
    limit: MOST_FOUND,
  })
  const names = found.data.map(({ name }) => name)
  const [only = word, ...others] = new Set(namedLike(word, names, (name) => name))
  if (others.length > 0) throw ambiguous(word, [only, ...others])
  return only
}
