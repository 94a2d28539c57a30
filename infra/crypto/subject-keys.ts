import { randomUUID } from 'node:crypto'
import DataLoader from 'dataloader'
import type { Kysely, Selectable } from 'kysely'
import { validate as isUuid, NIL } from 'uuid'
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
type Wanted = { readonly tenantId: string; readonly id: string }
type Found = { readonly keyId: string; readonly key: Buffer | null }

const MAX_TOGETHER = 1_000

/**
 * No key is remembered: a process that did would go on with one that another process destroyed,
 * and show what was erased. Asking takes one look-up for all that one turn of the event loop needs.
 */
export function createSubjectKeys(db: Kysely<KeyTables>, tenantKeys: TenantKeys): SubjectKeyRing {
  const bySubject = lookUp('subject_id')
  const byKeyId = lookUp('key_id')

  /** What is no UUID is nobody's, and does not spoil the look-up of others. */
  function lookUp(column: 'subject_id' | 'key_id'): DataLoader<Wanted, Found | undefined> {
    const find = async (wanted: readonly Wanted[]) => {
      const rows = await db
        .selectFrom('ops.subject_keys')
        .selectAll()
        .where(column, 'in', distinct(wanted.map(({ id }) => (isUuid(id) ? id : NIL))))
        .where('tenant_id', 'in', distinct(wanted.map(({ tenantId }) => tenantId)))
        .execute()
      const found = new Map<string, Found | Error>()
      for (const row of rows)
        found.set(`${row.tenant_id}/${row[column]}`, await opened(row).catch(failureOf))
      return wanted.map(({ tenantId, id }) => found.get(`${tenantId}/${id.toLowerCase()}`))
    }
    return new DataLoader(find, {
      ...{ cache: false, maxBatchSize: MAX_TOGETHER, batchScheduleFn: setImmediate },
    })
  }

  async function opened(row: Row): Promise<Found> {
    return { keyId: row.key_id, key: await unwrapped(tenantKeys, row) }
  }

  async function make(tenantId: string, subjectId: string): Promise<Found | undefined> {
    const { keyId: tenantKeyId, key } = await tenantKeys.current(tenantId)
    const keyId = randomUUID()
    const context = subjectKeyContext(tenantId, subjectId, keyId)
    await db
      .insertInto('ops.subject_keys')
      .values({
        ...{ tenant_id: tenantId, subject_id: subjectId, key_id: keyId },
        ...{ tenant_key_id: tenantKeyId, wrapped: seal(key, newKey(), context) },
      })
      .onConflict((conflict) => conflict.columns(['tenant_id', 'subject_id']).doNothing())
      .execute()
    return await bySubject.load({ tenantId, id: subjectId })
  }

  return {
    async forSealing(tenantId, subjectId) {
      const found =
        (await bySubject.load({ tenantId, id: subjectId })) ?? (await make(tenantId, subjectId))
      if (found === undefined) throw new Error('A key that was just made is gone.')
      const { keyId, key } = found
      if (key !== null) return { keyId, key }
      throw new SubjectErasedError(
        'The data of this subject was erased; a new subject id is needed.',
      )
    },

    async forOpening(refs) {
      const wanted = [...new Map(refs.map((ref) => [refName(ref), ref])).values()]
      const found = await Promise.all(
        wanted.map(({ tenantId, keyId }) => byKeyId.load({ tenantId, id: keyId })),
      )
      const keys = new Map<string, Buffer | null>()
      for (const [index, ref] of wanted.entries()) {
        const key = found[index]?.key
        if (key !== undefined) keys.set(refName(ref), key)
      }
      return keys
    },

    async knows(tenantId, subjectId) {
      const row = await db
        .selectFrom('ops.subject_keys')
        .select('key_id')
        .where('tenant_id', '=', tenantId)
        .where('subject_id', '=', subjectId)
        .executeTakeFirst()
      return row !== undefined
    },

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

/** Only who needs this key fails. */
function failureOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function distinct(items: readonly string[]): string[] {
  return [...new Set(items)]
}

/** What `forOpening` calls a key. */
export function refName({ tenantId, keyId }: KeyRef): string {
  return `${tenantId}/${keyId}`
}
