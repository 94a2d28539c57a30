import { type Kysely, sql } from 'kysely'

/** What is owed to each webhook, and how its calls went. Without it events are sent twice, never not at all. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.webhook_progress (
      tenant_id text not null,
      webhook_id uuid not null,
      position bigint not null,
      handled bigint not null,
      held_until timestamptz,
      last_delivered_at timestamptz,
      primary key (tenant_id, webhook_id)
    )`.execute(db)
  await sql`
    create table ops.webhook_deliveries (
      tenant_id text not null,
      webhook_id uuid not null,
      event_id uuid not null,
      position bigint not null,
      stream text not null,
      revision bigint not null,
      type text not null,
      state text not null check (state in ('owed', 'delivered', 'parked')),
      round int not null default 0,
      attempts int not null default 0,
      owed_since timestamptz not null,
      first_attempt_at timestamptz,
      next_attempt_at timestamptz,
      attempted_at timestamptz,
      duration_ms int,
      outcome text,
      status int,
      answer text,
      primary key (tenant_id, webhook_id, event_id)
    )`.execute(db)
  await sql`
    create index webhook_deliveries_due
      on ops.webhook_deliveries (tenant_id, webhook_id, next_attempt_at, position)
      where state = 'owed'`.execute(db)
  await sql`
    create index webhook_deliveries_by_position
      on ops.webhook_deliveries (tenant_id, webhook_id, position)`.execute(db)
  await sql`
    create index webhook_deliveries_open
      on ops.webhook_deliveries (tenant_id, webhook_id, position)
      where state <> 'delivered'`.execute(db)
  await sql`
    create index webhook_deliveries_old
      on ops.webhook_deliveries (attempted_at) where state = 'delivered'`.execute(db)
  await sql`
    create table ops.webhook_replays (
      tenant_id text not null,
      webhook_id uuid not null,
      replay_id uuid not null,
      position bigint not null,
      through bigint not null,
      primary key (tenant_id, webhook_id, replay_id)
    )`.execute(db)
}
