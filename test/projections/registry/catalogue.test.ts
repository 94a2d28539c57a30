import fc from 'fast-check'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { EventMeta } from '../../../domain/kernel/event.ts'
import { createPool, createReadDatabase } from '../../../infra/postgres/pool.ts'
import { catalogue } from '../../../projections/registry/catalogue.ts'
import type { CatalogueEvent } from '../../../projections/registry/catalogue-rows.ts'
import type { CatalogueTables } from '../../../projections/registry/catalogue-tables.ts'
import { freshDatabase } from '../../support/database.ts'
import { eventMeta } from '../../support/event-meta.ts'
import { upstreamEntry } from '../../support/upstream.ts'

type Recorded = readonly [CatalogueEvent, EventMeta]

const TABLES = ['catalogue_entries', 'catalogue_sources', 'services', 'service_words'] as const
const now = '2026-01-02T03:04:05.000Z'
const runId = '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f16'

async function readDatabase(t: Test) {
  const { appUrl } = await freshDatabase(t)
  const db = createReadDatabase<CatalogueTables>(createPool(appUrl, { max: 1 }))
  t.teardown(() => db.destroy())
  return db
}

type Db = Awaited<ReturnType<typeof readDatabase>>

async function apply(db: Db, batches: readonly (readonly Recorded[])[]): Promise<void> {
  for (const batch of batches) await db.transaction().execute((trx) => catalogue.apply(trx, batch))
}

async function content(db: Db): Promise<unknown> {
  const tables: Record<string, unknown> = {}
  for (const table of TABLES) {
    const { rows } =
      await sql`select to_jsonb(t) as row from ${sql.table(table)} t order by 1`.execute(db)
    tables[table] = rows
  }
  return tables
}

async function empty(db: Db): Promise<void> {
  for (const table of TABLES) await sql`delete from ${sql.table(table)}`.execute(db)
}

/** Random lives of a few entries in two sources that list the same names. */
const lives: fc.Arbitrary<readonly Recorded[]> = fc
  .array(
    fc.record({
      sourceId: fc.constantFrom('one', 'two'),
      name: fc.constantFrom('io.example/a', 'io.example/b'),
      version: fc.constantFrom('1.0.0', '2.0.0', '10.0.0'),
      what: fc.constantFrom('list', 'list', 'list', 'remove', 'add-source'),
      isLatest: fc.boolean(),
      status: fc.constantFrom('active', 'deleted'),
      description: fc.constantFrom('Files and folders.', 'Weather', 'Files'),
    }),
    { minLength: 5, maxLength: 25 },
  )
  .map((steps) => {
    const revisions = new Map<string, bigint>()
    return steps.map((step, index): Recorded => {
      const { sourceId, name, version } = step
      const stream = step.what === 'add-source' ? sourceId : `${sourceId}/${name}@${version}`
      const revision = (revisions.get(stream) ?? -1n) + 1n
      revisions.set(stream, revision)
      const meta = eventMeta({ stream, revision, position: BigInt(index + 1), time: now })
      return [eventOf(step), meta]
    })
  })

function eventOf(step: {
  sourceId: string
  name: string
  version: string
  what: string
  isLatest: boolean
  status: string
  description: string
}): CatalogueEvent {
  const { sourceId, name, version, isLatest, status, description } = step
  const key = { sourceId, runId, name, version }
  if (step.what === 'add-source')
    return {
      type: 'RegistrySourceAdded',
      data: {
        ...{ sourceId, name: sourceId, kind: 'file', location: '/x', addedAt: now },
        syncIntervalSeconds: 3_600,
      },
    }
  if (step.what === 'remove')
    return { type: 'CatalogueEntryRemoved', data: { ...key, previousHash: 'h' } }
  const entry = upstreamEntry(name, version, {
    server: { description },
    official: { isLatest, status },
  })
  return {
    type: 'CatalogueEntryAdded',
    data: { ...key, contentHash: `${isLatest}${status}${description}`, entry, problems: [] },
  }
}

t.test('the rows do not depend on where one batch ends and the next begins', async (t) => {
  const db = await readDatabase(t)
  for (const events of fc.sample(lives, { numRuns: 25, seed: 20_261_121 })) {
    await empty(db)
    await apply(db, [events])
    const atOnce = await content(db)
    await empty(db)
    await apply(
      db,
      events.map((event) => [event]),
    )
    const oneByOne = await content(db)
    if (!t.same(oneByOne, atOnce, `${events.length} events`)) break
  }
})

t.test('the words are those of the services that are there', async (t) => {
  const db = await readDatabase(t)
  for (const events of fc.sample(lives, { numRuns: 10, seed: 42 })) {
    await empty(db)
    await apply(db, [events])
    const { rows: counted } = await sql`
      select word, count(*)::int as services from (
        select unnest(words) as word from services union all select '' from services) w
      group by word order by word collate "C"`.execute(db)
    const { rows: kept } = await sql`
      select word, services from service_words order by word collate "C"`.execute(db)
    t.same(kept, counted)
  }
})
