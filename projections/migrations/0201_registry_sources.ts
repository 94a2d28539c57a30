import { type Kysely, type Migration, sql } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await sql`
    create table registry_sources (
      tenant_id text not null,
      source_id text not null,
      name text not null,
      kind text not null,
      location text not null,
      sync_interval_seconds integer not null,
      added_at timestamptz not null,
      run_id uuid,
      run_status text,
      run_trigger text,
      run_started_at timestamptz,
      run_ended_at timestamptz,
      pages integer not null,
      bytes bigint not null,
      added integer not null,
      changed integer not null,
      removed integer not null,
      unchanged integer not null,
      invalid integer not null,
      refused integer not null,
      duration_ms double precision not null,
      failure_code text,
      failure_cause text,
      last_completed_at timestamptz,
      primary key (tenant_id, source_id)
    )`.execute(db)
}
