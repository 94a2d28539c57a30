import { type Kysely, sql } from 'kysely'

/** Keys that the database holds wrapped only; whoever backs up the log backs these up with it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.tenant_keys (
      tenant_id text not null,
      generation int not null,
      key_id uuid not null unique,
      root_key_id text not null,
      wrapped bytea not null,
      primary key (tenant_id, generation)
    )`.execute(db)
  await sql`
    create table ops.subject_keys (
      tenant_id text not null,
      subject_id uuid not null,
      key_id uuid not null unique,
      tenant_key_id uuid,
      wrapped bytea,
      primary key (tenant_id, subject_id),
      constraint wrapped_or_destroyed check ((wrapped is null) = (tenant_key_id is null))
    )`.execute(db)
  await sql`create index subject_keys_by_tenant_key on ops.subject_keys (tenant_id, tenant_key_id)`.execute(
    db,
  )
  // Null: sealed with the root key itself, before there were keys of tenants.
  await sql`alter table ops.secrets add column tenant_key_id uuid`.execute(db)
}
