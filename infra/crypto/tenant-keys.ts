import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { type KeyProvider, KeyUnavailableError } from '../../services/ports/key-provider.ts'
import type { KeyTables } from './key-tables.ts'
import { newKey } from './secret-box.ts'

const MAX_AGE_MS = 5 * 60_000

export type TenantKey = { readonly keyId: string; readonly key: Buffer }

/** What a tenant's secrets and the keys of its subjects are encrypted with. */
export type TenantKeys = {
  /** The newest one, for what is written now; made when the tenant has none. */
  readonly current: (tenantId: string) => Promise<TenantKey>
  /** @throws {KeyUnavailableError} */
  readonly byId: (tenantId: string, keyId: string) => Promise<Buffer>
  /** Makes the tenant's next key, under this id; repeating it makes no further one. */
  readonly succeed: (tenantId: string, nextKeyId: string) => Promise<TenantKey>
}

type WrappedRow = Pick<
  KeyTables['ops.tenant_keys'],
  'generation' | 'key_id' | 'root_key_id' | 'wrapped'
>

/** Keys that were unwrapped are remembered for five minutes; never zeroed, because they may be in use. */
export function createTenantKeys(db: Kysely<KeyTables>, provider: KeyProvider): TenantKeys {
  const known = new Map<string, { readonly key: Buffer; readonly until: number }>()

  async function unwrapped(tenantId: string, row: WrappedRow): Promise<TenantKey> {
    const { key_id: keyId, root_key_id: rootKeyId, wrapped } = row
    const remembered = known.get(keyId)
    if (remembered !== undefined && remembered.until > performance.now())
      return { keyId, key: remembered.key }
    const key = await provider.unwrap({ rootKeyId, wrapped }, tenantKeyContext(tenantId, keyId))
    known.set(keyId, { key, until: performance.now() + MAX_AGE_MS })
    return { keyId, key }
  }

  function newest(tenantId: string): Promise<WrappedRow | undefined> {
    return db
      .selectFrom('ops.tenant_keys')
      .select(['generation', 'key_id', 'root_key_id', 'wrapped'])
      .where('tenant_id', '=', tenantId)
      .orderBy('generation', 'desc')
      .executeTakeFirst()
  }

  /** Of programs that do this at once one wins, and all use its key. */
  async function make(tenantId: string, generation: number, keyId: string): Promise<TenantKey> {
    const { rootKeyId, wrapped } = await provider.wrap(newKey(), tenantKeyContext(tenantId, keyId))
    await db
      .insertInto('ops.tenant_keys')
      .values({
        ...{ tenant_id: tenantId, generation, key_id: keyId },
        ...{ root_key_id: rootKeyId, wrapped },
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const row = await newest(tenantId)
    if (row === undefined) throw new KeyUnavailableError(`Tenant "${tenantId}" has no key.`)
    return await unwrapped(tenantId, row)
  }

  return {
    async current(tenantId) {
      const row = await newest(tenantId)
      return row === undefined
        ? await make(tenantId, 1, randomUUID())
        : await unwrapped(tenantId, row)
    },

    async byId(tenantId, keyId) {
      const remembered = known.get(keyId)
      if (remembered !== undefined && remembered.until > performance.now()) return remembered.key
      const row = await db
        .selectFrom('ops.tenant_keys')
        .select(['generation', 'key_id', 'root_key_id', 'wrapped'])
        .where('tenant_id', '=', tenantId)
        .where('key_id', '=', keyId)
        .executeTakeFirst()
      if (row === undefined) throw new KeyUnavailableError(`Key ${keyId} is not there.`)
      return (await unwrapped(tenantId, row)).key
    },

    async succeed(tenantId, nextKeyId) {
      const row = await newest(tenantId)
      if (row?.key_id === nextKeyId) return await unwrapped(tenantId, row)
      return await make(tenantId, (row?.generation ?? 0) + 1, nextKeyId)
    },
  }
}

/** What a wrapped tenant key is bound to. */
export function tenantKeyContext(tenantId: string, keyId: string): readonly string[] {
  return ['tenant-key', tenantId, keyId]
}
