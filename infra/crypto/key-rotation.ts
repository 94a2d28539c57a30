import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { KeyProvider } from '../../services/ports/key-provider.ts'
import type { KeyRotation, KeysToRotate } from '../../services/ports/key-rotation.ts'
import type { KeyTables } from './key-tables.ts'
import { open, seal } from './secret-box.ts'
import { secretContext } from './secret-store.ts'
import { subjectKeyContext } from './subject-keys.ts'
import { type TenantKey, type TenantKeys, tenantKeyContext } from './tenant-keys.ts'

const BATCH = 200

export type KeyRotationDeps = {
  readonly db: Kysely<KeyTables>
  readonly provider: KeyProvider
  readonly tenantKeys: TenantKeys
  /** Rows that one statement changes. */
  readonly batch?: number
}

/**
 * Every row is exchanged only if it is still the one that was read: what is erased or replaced
 * meanwhile stays so.
 */
export function createKeyRotation(deps: KeyRotationDeps): KeyRotation {
  const { db, provider } = deps
  return {
    rootKeyId: () => provider.currentKeyId(),

    async rotateRootKey(rootKeyId, signal) {
      const current = await provider.succeed(rootKeyId)
      await untilNone(signal, () => rewrapTenantKeys(deps, current))
    },

    async tenants() {
      const rows = await db
        .selectFrom('ops.tenant_keys')
        .select('tenant_id')
        .distinct()
        .orderBy('tenant_id')
        .execute()
      return rows.map(({ tenant_id }) => tenant_id)
    },

    async rotateTenantKey(tenantId, nextKeyId, signal) {
      const next = await deps.tenantKeys.succeed(tenantId, nextKeyId)
      await untilNone(signal, () => rewrapSubjectKeys(deps, tenantId, next))
      await untilNone(signal, () => resealSecrets(deps, tenantId, next))
    },

    async destroyUnused(previousRootKeyId) {
      await sql`
        delete from ops.tenant_keys k
        where generation < (
          select max(generation) - 1 from ops.tenant_keys n where n.tenant_id = k.tenant_id)
        and not exists (select from ops.subject_keys s where s.tenant_key_id = k.key_id)
        and not exists (select from ops.secrets s where s.tenant_key_id = k.key_id)`.execute(db)
      const used = await db.selectFrom('ops.tenant_keys').select('root_key_id').distinct().execute()
      const kept = [previousRootKeyId, ...used.map(({ root_key_id }) => root_key_id)]
      await provider.retireOthers(kept)
    },

    remaining: async () => remaining(db, await provider.currentKeyId()),
  }
}

/** @throws when `signal` aborts. */
async function untilNone(signal: AbortSignal, batch: () => Promise<number>): Promise<void> {
  do signal.throwIfAborted()
  while ((await batch()) > 0)
}

/** @returns how many there were. */
async function rewrapTenantKeys(
  { db, provider, batch = BATCH }: KeyRotationDeps,
  current: string,
): Promise<number> {
  const rows = await db
    .selectFrom('ops.tenant_keys')
    .selectAll()
    .where('root_key_id', '!=', current)
    .limit(batch)
    .execute()
  for (const { tenant_id, key_id, root_key_id, wrapped: box } of rows) {
    const context = tenantKeyContext(tenant_id, key_id)
    const key = await provider.unwrap({ rootKeyId: root_key_id, wrapped: box }, context)
    const { rootKeyId, wrapped } = await provider.wrap(key, context)
    await db
      .updateTable('ops.tenant_keys')
      .set({ root_key_id: rootKeyId, wrapped })
      .where('key_id', '=', key_id)
      .where('root_key_id', '=', root_key_id)
      .execute()
  }
  return rows.length
}

async function rewrapSubjectKeys(
  { db, tenantKeys, batch = BATCH }: KeyRotationDeps,
  tenantId: string,
  next: TenantKey,
): Promise<number> {
  const rows = await db
    .selectFrom('ops.subject_keys')
    .select(['subject_id', 'key_id', 'tenant_key_id', 'wrapped'])
    .where('tenant_id', '=', tenantId)
    .where('tenant_key_id', '!=', next.keyId)
    .limit(batch)
    .execute()
  const boxes = await Promise.all(
    rows.map(async ({ subject_id, key_id, tenant_key_id, wrapped }) => {
      const context = subjectKeyContext(tenantId, subject_id, key_id)
      const old = wrapped ?? Buffer.alloc(0)
      const key = await tenantKeys.byId(tenantId, tenant_key_id ?? '')
      return { old, box: seal(next.key, open(key, old, context), context) }
    }),
  )
  await sql`
    update ops.subject_keys k set tenant_key_id = ${next.keyId}, wrapped = n.box
    from unnest(${rows.map((row) => row.subject_id)}::uuid[], ${bytes(boxes.map(({ old }) => old))},
      ${bytes(boxes.map(({ box }) => box))}) n(subject_id, old, box)
    where k.tenant_id = ${tenantId} and k.subject_id = n.subject_id and k.wrapped = n.old`.execute(
    db,
  )
  return rows.length
}

async function resealSecrets(
  { db, tenantKeys, batch = BATCH }: KeyRotationDeps,
  tenantId: string,
  next: TenantKey,
): Promise<number> {
  const rows = await db
    .selectFrom('ops.secrets')
    .select(['installation_id', 'name', 'tenant_key_id', 'box'])
    .where('tenant_id', '=', tenantId)
    .where('tenant_key_id', '!=', next.keyId)
    .limit(batch)
    .execute()
  const boxes = await Promise.all(
    rows.map(async ({ installation_id, name, tenant_key_id, box }) => {
      const context = secretContext(tenantId, installation_id, name)
      const key = await tenantKeys.byId(tenantId, tenant_key_id ?? '')
      return seal(next.key, open(key, box, context), context)
    }),
  )
  await sql`
    update ops.secrets s set tenant_key_id = ${next.keyId}, box = n.box
    from unnest(${rows.map((row) => row.installation_id)}::uuid[],
      ${rows.map(({ name }) => name)}::text[], ${bytes(rows.map(({ box }) => box))},
      ${bytes(boxes)}) n(installation_id, name, old, box)
    where s.tenant_id = ${tenantId} and s.installation_id = n.installation_id
      and s.name = n.name and s.box = n.old`.execute(db)
  return rows.length
}

function bytes(values: readonly Buffer[]): RawBuilder<unknown> {
  return sql`${values.map((value) => `\\x${value.toString('hex')}`)}::bytea[]`
}

async function remaining(db: Kysely<KeyTables>, rootKeyId: string): Promise<KeysToRotate> {
  const { rows } = await sql<KeysToRotate>`
    with newest as (
      select distinct on (tenant_id) tenant_id, key_id from ops.tenant_keys
      order by tenant_id, generation desc)
    select
      (select count(*)::int from ops.tenant_keys where root_key_id <> ${rootKeyId}) as "tenantKeys",
      (select count(*)::int from ops.subject_keys s join newest n using (tenant_id)
        where s.tenant_key_id <> n.key_id) as "subjectKeys",
      (select count(*)::int from ops.secrets s join newest n using (tenant_id)
        where s.tenant_key_id <> n.key_id) as "secrets"`.execute(db)
  return rows[0] ?? { tenantKeys: 0, subjectKeys: 0, secrets: 0 }
}
