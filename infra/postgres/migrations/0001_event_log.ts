import { type Kysely, sql } from 'kysely'

/**
 * The event log. Data and metadata are `text`, byte for byte as appended: `jsonb` would reorder
 * keys and refuse the escape of NUL. `position` comes from the appender, which holds the lock that
 * `log.prepare_append` takes, so positions are contiguous and in the order of commits.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table log.events (
      position bigint not null,
      tenant_id text not null,
      stream text not null,
      revision bigint not null,
      id uuid not null,
      type text not null,
      data text not null,
      metadata text not null,
      recorded_at timestamptz not null default now(),
      primary key (tenant_id, stream, revision),
      constraint events_position unique (position),
      constraint events_id unique (id)
    )`.execute(db)
  await sql`create index events_by_type on log.events (type, position)`.execute(db)
  await sql`create index events_by_tenant on log.events (tenant_id, position)`.execute(db)
  await refuseChanges(db)
  await createPrepareAppend(db)
}

/** Grants stop the application's role; these stop the owner, and superusers, too. */
async function refuseChanges(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function log.refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception 'The event log is append-only: % on %.% is refused.',
        lower(tg_op), tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
    end $$`.execute(db)
  await sql`
    create trigger events_append_only before update or delete or truncate on log.events
      for each statement execute function log.refuse_change()`.execute(db)
  await sql`alter table log.events enable always trigger events_append_only`.execute(db)
}

/**
 * One round trip for: take the appenders' lock when `take_lock` says so, then tell what the
 * appender has to know. Volatile, so that the query after the lock sees every commit before it.
 * The result's first row is the log's head, then one row a stream, then one row a known id.
 *
 * A holder that says nothing for ten seconds loses its session and the lock with it.
 */
async function createPrepareAppend(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function log.prepare_append(take_lock boolean, tenants text[], streams text[], ids uuid[])
    returns table (known_id uuid, in_stream text, at_revision bigint, at_position bigint)
    language plpgsql volatile as $$
    begin
      if take_lock then
        perform pg_advisory_lock(7315002);
        perform set_config('idle_session_timeout', '10s', false);
      end if;
      return query
        select null::uuid, null::text, null::bigint,
          coalesce((select e.position from log.events e order by e.position desc limit 1), 0)
        union all
        select null, s.stream, last.revision, null
          from unnest(tenants, streams) s(tenant_id, stream)
          cross join lateral (
            select e.revision from log.events e
              where e.tenant_id = s.tenant_id and e.stream = s.stream
              order by e.revision desc limit 1) last
        union all
        select e.id, e.stream, e.revision, e.position
          from unnest(ids) i(id) join log.events e on e.id = i.id;
    end $$`.execute(db)
  await sql`
    create function log.end_append() returns void language plpgsql volatile as $$
    begin
      perform pg_advisory_unlock(7315002);
      perform set_config('idle_session_timeout', '0', false);
    end $$`.execute(db)
}
