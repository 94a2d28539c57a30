import { randomUUID } from 'node:crypto'
import type { Kysely, Selectable } from 'kysely'
import { SubjectErasedError, type SubjectKeys } from '../../services/ports/subject-keys.ts'
import type { KeyTables } from './key-tables.ts'
import { newKey, open, seal } from './secret-box.ts'
import type { TenantKeys } from './tenant-keys.ts'

export type SubjectKey = { readonly keyId: string; readonly key: Buffer }

/** Which key of which tenant; ids come out of ciphertext. */
export type KeyRef = { readonly tenantId: string; readonly keyId: string }

export type SubjectKeyRing = SubjectKeys & {
  /**
   * The subject's key, made when there is none.
   *
   * @throws {SubjectErasedError}
   */
  readonly forSealing: (tenantId: string, subjectId: string) => Promise<SubjectKey>
  /** By `refName`; `null` = destroyed, absent = the tenant has no such key. */
  readonly forOpening: (refs: readonly KeyRef[]) => Promise<ReadonlyMap<string, Buffer | null>>
}

type Row = Selectable<KeyTables['ops.subject_keys']>

/**
 * No key is remembered: a process that did would go on with one that another process destroyed,
 * and show what was erased. Asking takes one look-up a batch of events.
 */
export function createSubjectKeys(db: Kysely<KeyTables>, tenantKeys: TenantKeys): SubjectKeyRing {
  function rowOf(tenantId: string, subjectId: string): Promise<Row | undefined> {
    return db
      .selectFrom('ops.subject_keys')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('subject_id', '=', subjectId)
      .executeTakeFirst()
  }

  async function make(tenantId: string, subjectId: string): Promise<Row | undefined> {
    const { keyId: tenantKeyId, key } = await tenantKeys.current(tenantId)
    const keyId = randomUUID()
    const context = subjectKeyContext(tenantId, subjectId, keyId)
    const made = await db
      .insertInto('ops.subject_keys')
      .values({
        ...{ tenant_id: tenantId, subject_id: subjectId, key_id: keyId },
        ...{ tenant_key_id: tenantKeyId, wrapped: seal(key, newKey(), context) },
      })
      .onConflict((conflict) => conflict.columns(['tenant_id', 'subject_id']).doNothing())
      .returningAll()
      .executeTakeFirst()
    return made ?? (await rowOf(tenantId, subjectId))
  }

  return {
    async forSealing(tenantId, subjectId) {
      const row = (await rowOf(tenantId, subjectId)) ?? (await make(tenantId, subjectId))
      if (row === undefined) throw new Error('A key that was just made is gone.')
      return usable(row.key_id, await unwrapped(tenantKeys, row))
    },

    async forOpening(refs) {
      const keys = new Map<string, Buffer | null>()
      if (refs.length === 0) return keys
      const rows = await db
        .selectFrom('ops.subject_keys')
        .selectAll()
        .where('key_id', 'in', [...new Set(refs.map(({ keyId }) => keyId))])
        .where('tenant_id', 'in', [...new Set(refs.map(({ tenantId }) => tenantId))])
        .execute()
      for (const row of rows) {
        const ref = { tenantId: row.tenant_id, keyId: row.key_id }
        keys.set(refName(ref), await unwrapped(tenantKeys, row))
      }
      return keys
    },

    knows: async (tenantId, subjectId) => (await rowOf(tenantId, subjectId)) !== undefined,

    async destroy(tenantId, subjectId) {
      await db
        .updateTable('ops.subject_keys')
        .set({ wrapped: null, tenant_key_id: null })
        .where('tenant_id', '=', tenantId)
        .where('subject_id', '=', subjectId)
        .execute()
    },
  }
}

/** What a wrapped subject key is bound to. */
export function subjectKeyContext(
  tenantId: string,
  subjectId: string,
  keyId: string,
): readonly string[] {
  return ['subject-key', tenantId, subjectId, keyId]
}

async function unwrapped(tenantKeys: TenantKeys, row: Row): Promise<Buffer | null> {
  if (row.wrapped === null || row.tenant_key_id === null) return null
  const key = await tenantKeys.byId(row.tenant_id, row.tenant_key_id)
  return open(key, row.wrapped, subjectKeyContext(row.tenant_id, row.subject_id, row.key_id))
}

function usable(keyId: string, key: Buffer | null): SubjectKey {
  if (key !== null) return { keyId, key }
  throw new SubjectErasedError('The data of this subject was erased; a new subject id is needed.')
}

/** What `forOpening` calls a key. */
export function refName({ tenantId, keyId }: KeyRef): string {
  return `${tenantId}/${keyId}`
}
