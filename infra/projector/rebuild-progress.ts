import { type Kysely, sql } from 'kysely'
import type { RebuildProgress } from '../../services/ports/projections.ts'

const TELL_EVERY_MS = 250
/** What was told longer ago is of a process that died. */
const STALE_MS = 10_000

/** What a rebuild is at; whoever does it changes it as it goes. */
export type Progress = Pick<RebuildProgress, 'version'> & {
  -readonly [Part in 'phase' | 'events' | 'position' | 'until']: RebuildProgress[Part]
}

export type Telling = { readonly stop: () => Promise<void> }

/** Tells by the clock how far a rebuild is, until it is stopped. Nothing depends on its success. */
export function tellProgress(db: Kysely<unknown>, readModel: string, progress: Progress): Telling {
  let telling = begin(db, readModel, progress)
  const timer = setInterval(() => {
    telling = telling.then(() => tell(db, readModel, progress))
  }, TELL_EVERY_MS)
  return {
    async stop() {
      clearInterval(timer)
      await telling
      await sql`delete from ops.rebuilds where read_model = ${readModel}`
        .execute(db)
        .catch(() => {})
    },
  }
}

async function begin(
  db: Kysely<unknown>,
  readModel: string,
  { version, phase, events, position, until }: Progress,
): Promise<void> {
  await sql`
    insert into ops.rebuilds values (${readModel}, ${version}, ${phase}, ${events},
      ${position.toString()}::bigint, ${until.toString()}::bigint, now(), now())
    on conflict (read_model) do update set version = excluded.version, phase = excluded.phase,
      events = excluded.events, position = excluded.position, until = excluded.until,
      started_at = excluded.started_at, told_at = excluded.told_at`
    .execute(db)
    .catch(() => {})
}

async function tell(
  db: Kysely<unknown>,
  readModel: string,
  { phase, events, position, until }: Progress,
): Promise<void> {
  await sql`
    update ops.rebuilds set phase = ${phase}, events = ${events},
      position = ${position.toString()}::bigint, until = ${until.toString()}::bigint,
      told_at = now()
    where read_model = ${readModel}`
    .execute(db)
    .catch(() => {})
}

/** The rebuilds that are going on now, by read model. */
export async function readProgress(db: Kysely<unknown>): Promise<Map<string, RebuildProgress>> {
  const { rows } = await sql<Omit<RebuildProgress, 'events'> & { name: string; events: bigint }>`
    select read_model as name, version, phase, events, position, until,
      started_at as "startedAt",
      (extract(epoch from told_at - started_at) * 1000)::float8 as "elapsedMs"
    from ops.rebuilds where told_at > now() - ${STALE_MS} * interval '1 millisecond'`.execute(db)
  return new Map(
    rows.map(({ name, events, ...progress }) => [name, { ...progress, events: Number(events) }]),
  )
}
