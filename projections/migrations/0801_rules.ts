import { type Kysely, type Migration, sql } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await sql`
    create table rules (
      tenant_id text not null,
      rule_id uuid not null,
      version integer not null,
      name text not null,
      settings jsonb not null,
      author text not null,
      status text not null,
      reason text,
      changed_at timestamptz not null,
      constraint rules_pk primary key (tenant_id, rule_id)
    )`.execute(db)
  await sql`create index rules_by_name on rules (tenant_id, name, rule_id)`.execute(db)
  await sql`
    create table rule_versions (
      tenant_id text not null,
      rule_id uuid not null,
      version integer not null,
      settings jsonb not null,
      author text not null,
      revised_at timestamptz not null,
      constraint rule_versions_pk primary key (tenant_id, rule_id, version)
    )`.execute(db)
  await sql`
    create table rule_evaluations (
      tenant_id text not null,
      evaluation_id uuid not null,
      rule_id uuid not null,
      version integer not null,
      event_id uuid not null,
      event_type text not null,
      subject text not null,
      depth integer not null,
      verdict text not null,
      reason text,
      values_read jsonb not null,
      position bigint not null,
      evaluated_at timestamptz not null,
      constraint rule_evaluations_pk primary key (tenant_id, evaluation_id, rule_id)
    )`.execute(db)
  await sql`
    create index rule_evaluations_newest on rule_evaluations (tenant_id, rule_id, position)
  `.execute(db)
  await sql`
    create index rule_evaluations_of_event on rule_evaluations (tenant_id, event_id)
  `.execute(db)
  await sql`
    create table rule_actions (
      tenant_id text not null,
      evaluation_id uuid not null,
      rule_id uuid not null,
      index integer not null,
      version integer not null,
      action text not null,
      parameters jsonb not null,
      status text not null,
      attempts integer not null,
      code text,
      cause text,
      result jsonb,
      retry_at timestamptz,
      position bigint not null,
      changed_at timestamptz not null,
      constraint rule_actions_pk primary key (tenant_id, evaluation_id, rule_id, index)
    )`.execute(db)
  await sql`create index rule_actions_newest on rule_actions (tenant_id, rule_id, position)`.execute(
    db,
  )
}
