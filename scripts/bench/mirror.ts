import { createHash, randomUUID } from 'node:crypto'
import type pg from 'pg'
import { type SourceCommand, source, sourceStream } from '../../domain/registry/source.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import { createProjector } from '../../infra/projector/projector.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import { createSyncLedger } from '../../infra/registry/sync-ledger.ts'
import { createUpstreamRegistry } from '../../infra/registry/upstream-registry.ts'
import { readModels, type Tables } from '../../projections/read-models.ts'
import { execute } from '../../services/kernel/execute.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { DEFAULT_SYNC_LIMITS } from '../../services/registry/sync-limits.ts'
import { runSync } from '../../services/registry/sync-runner.ts'
import { startChild } from './child.ts'
import { secondsOf } from './measure.ts'
import { BENCH_CONTEXT, type Stage } from './stage.ts'

/** A mirror of a generated registry that another process serves. */
export async function openMirror(stage: Stage, servers: number, versions: number) {
  const upstreamServer = await startChild(import.meta.resolve('./upstream-server.ts'), [
    String(servers),
    String(versions),
  ])
  const { pool, store } = await stage.database()
  const stop = new AbortController()
  const freshness = createReadFreshness({ pool })
  const upstream = createUpstreamRegistry({ http: { allowPrivate: true }, files: { roots: [] } })
  const db = createReadDatabase<Tables>(pool)
  const shared = { logger: silent, metrics: noMetrics }
  const projecting = createProjector({ pool, store, readModels, ...shared }).run(stop.signal)
  const now = () => new Date()
  const deps = {
    ...{ events: store, db, freshness, upstream, ledger: createSyncLedger(pool), now },
    ...{ limits: DEFAULT_SYNC_LIMITS, ...shared },
  }
  const run = (command: SourceCommand) =>
    execute(store, source, sourceStream('bench', 'generated'), command, BENCH_CONTEXT)
  const at = () => now().toISOString()
  await run({
    ...{ type: 'AddSource', sourceId: 'generated', name: 'generated', kind: 'official' },
    ...{ location: upstreamServer.address, syncIntervalSeconds: 3_600, now: at() },
  })

  return {
    pool,
    db,
    url: upstreamServer.address,
    /** @returns seconds from the request until every change is in the read models. */
    sync: () =>
      secondsOf(async () => {
        const runId = randomUUID()
        await run({
          ...{ type: 'StartSync', sourceId: 'generated', runId, trigger: 'request' },
          ...{ acceptShrink: false, now: at() },
        })
        const key = { tenantId: 'bench', sourceId: 'generated' }
        const outcome = await runSync(deps, key, runId, stop.signal)
        if (outcome !== 'done') throw new Error(`The sync was ${outcome}.`)
        if (!(await freshness.waitFor(await store.head(), 300_000)))
          throw new Error('The read models do not catch up.')
      }),
    async close() {
      stop.abort()
      await projecting
      await freshness[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      await upstreamServer.stop()
    },
  }
}

/** What a mirror cannot do without: fetch every page and look at its bytes. */
export async function fetchAll(
  url: string,
  onPage: (body: Buffer) => Promise<void> | void,
): Promise<void> {
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const response: Response = await fetch(`${url}/v0.1/servers?limit=100&cursor=${cursor}`)
    const body = Buffer.from(await response.arrayBuffer())
    await onPage(body)
    createHash('sha256').update(body).digest()
    cursor = /"nextCursor":"([^"]+)"/.exec(body.subarray(-100).toString())?.[1]
  }
}

/** A page's entries as bare rows, each with its text. */
export async function insertBare(pool: pg.Pool, body: Buffer): Promise<void> {
  const { servers } = JSON.parse(body.toString()) as { servers: { server: { name: string } }[] }
  const texts = servers.map((entry) => JSON.stringify(entry))
  const hashes = texts.map((text) => createHash('sha256').update(text).digest('hex'))
  await pool.query({
    name: 'bare-entries',
    text: 'insert into bare_entries select * from unnest($1::text[], $2::text[], $3::text[])',
    values: [servers.map(({ server }) => server.name), hashes, texts],
  })
}
