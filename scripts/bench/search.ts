import { performance } from 'node:perf_hooks'
import { searchServices } from '../../projections/marketplace/search-services.ts'
import { type Measurement, measurement, quantile } from './measure.ts'
import { openMirror } from './mirror.ts'
import type { Stage } from './stage.ts'

const SERVICES = 100_000
const QUERIES = 400
const PAGE = { offset: 0, limit: 20 }

/** Names, misspelt names, words, beginnings and very common words over 100,000 services, against a bare look-up of one word in the index. */
export async function benchSearch(stage: Stage): Promise<Measurement> {
  const mirror = await openMirror(stage, SERVICES, 1)
  try {
    await mirror.sync()
    await mirror.pool.query('analyze')
    const { rows } = await mirror.pool.query<{ name: string }>(
      `select name from services where tenant_id = 'bench' order by md5(name) limit ${QUERIES}`,
    )
    const names = rows.map(({ name }) => name)
    const bare = await timed(names, (name) =>
      mirror.pool.query(
        `select name from services where tenant_id = 'bench' and search @@ plainto_tsquery('simple', $1) limit 20`,
        [name.split('-').at(-1)],
      ),
    )
    const queries = names.map(queryFor)
    const took = await timed(queries, (query) =>
      searchServices(mirror.db, 'bench', query, {}, PAGE),
    )
    return measurement('search.p99', quantile(took, 0.99), 'ms', quantile(bare, 0.99))
  } finally {
    await mirror.close()
  }
}

async function timed(
  inputs: readonly string[],
  work: (input: string) => Promise<unknown>,
): Promise<number[]> {
  for (const input of inputs.slice(0, 20)) await work(input)
  const took: number[] = []
  for (const input of inputs) {
    const start = performance.now()
    await work(input)
    took.push(performance.now() - start)
  }
  return took
}

/** One of six kinds of question about the service of this name. */
function queryFor(name: string, index: number): string {
  const own = name.split('/')[1] ?? name
  const [a = '', b = ''] = own.split('-')
  const kinds = [
    name,
    own,
    misspelt(own),
    `${misspelt(a)} ${b}`,
    `${a.slice(0, Math.ceil(a.length / 2))}`,
    `mcp server for ${a} and ${b}`,
  ]
  return kinds[index % kinds.length] ?? name
}

/** Two neighbours in the middle change places. */
function misspelt(word: string): string {
  const middle = Math.floor(word.length / 2)
  const [x = '', y = ''] = word.slice(middle - 1, middle + 1)
  return word.slice(0, middle - 1) + y + x + word.slice(middle + 1)
}
