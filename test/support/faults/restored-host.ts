import { asSuperuserOf, type TestDatabase } from '../database.ts'
import { ownPostgres } from '../own-postgres.ts'
import { faultStage, type Stage } from './stage.ts'

type Teardown = { readonly teardown: (stop: () => Promise<void>) => void }

/**
 * What a backup gives on an empty host: Postgres on a copy of its directory, without the read
 * models, a copy of the data directory, and a NATS server that knows nothing.
 *
 * @param database as it was on the host of before.
 */
export async function restoredHost(
  t: Teardown,
  database: TestDatabase,
  copies: { readonly cluster: string; readonly dataDirectory: string },
  readyWithinMs?: number,
): Promise<Stage> {
  const restored = await ownPostgres(t, copies.cluster)
  const { port } = new URL(restored.superuserUrl)
  const moved = movedTo(port, database)
  await asSuperuserOf(restored.superuserUrl, moved, 'drop schema read cascade')
  return await faultStage(t, {
    ...{ database: moved, dataDirectory: copies.dataDirectory },
    ...(readyWithinMs === undefined ? {} : { readyWithinMs }),
  })
}

function movedTo(port: string, { ownerUrl, appUrl }: TestDatabase): TestDatabase {
  const moved = (url: string) => Object.assign(new URL(url), { port }).href
  return { ownerUrl: moved(ownerUrl), appUrl: moved(appUrl) }
}
