import { type Measurement, measurement, secondsOf } from './measure.ts'
import { fetchAll, insertBare, openMirror } from './mirror.ts'
import type { Stage } from './stage.ts'

const SERVERS = 20_000
const VERSIONS = 4

/**
 * A first sync of 80,000 entries until all are in the read models, against fetching the pages and
 * inserting each entry's text; then one that finds nothing new, against fetching the pages.
 */
export async function benchSync(stage: Stage): Promise<readonly Measurement[]> {
  const mirror = await openMirror(stage, SERVERS, VERSIONS)
  try {
    await mirror.pool.query('create table bare_entries (name text, hash text, entry text)')
    const coldLimit = await secondsOf(() =>
      fetchAll(mirror.url, (body) => insertBare(mirror.pool, body)),
    )
    const cold = await mirror.sync()
    const unchangedLimit = await secondsOf(() => fetchAll(mirror.url, () => {}))
    const unchanged = await mirror.sync()
    return [
      measurement('sync.cold', cold, 's', coldLimit),
      measurement('sync.unchanged', unchanged, 's', unchangedLimit),
    ]
  } finally {
    await mirror.close()
  }
}
