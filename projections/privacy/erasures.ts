import type { Kysely, Selectable } from 'kysely'
import type { PrivacyEvent } from '../../domain/privacy/events.ts'
import type { ReadModel } from '../kernel/read-model.ts'

// Whose data was erased and when; who that was, nobody can say any more.

export interface ErasuresTables {
  erasures: {
    tenant_id: string
    subject_id: string
    requested_at: Date
    requested_by: string
    /** Null: the key is about to be destroyed. */
    erased_at: Date | null
  }
}

export type ErasureRow = Selectable<ErasuresTables['erasures']>

export const erasures: ReadModel<PrivacyEvent, ErasuresTables> = {
  name: 'erasures',
  version: 1,
  keys: { erasures: ['tenant_id', 'subject_id'] },
  changes: {
    SubjectErasureRequested: ({ data }, { tenantId, actorId }) => [
      {
        table: 'erasures',
        put: {
          tenant_id: tenantId,
          subject_id: data.subjectId,
          requested_at: new Date(data.requestedAt),
          requested_by: actorId,
          erased_at: null,
        },
      },
    ],
    SubjectErased: ({ data }, { tenantId }) => [
      {
        table: 'erasures',
        at: { tenant_id: tenantId, subject_id: data.subjectId },
        patch: { erased_at: new Date(data.erasedAt) },
      },
    ],
  },
}

/** By subject. @param after exclusive. */
export function listErasures(
  db: Kysely<ErasuresTables>,
  tenantId: string,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
): Promise<ErasureRow[]> {
  return db
    .selectFrom('erasures')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .$if(after !== undefined, (query) => query.where('subject_id', '>', after ?? ''))
    .orderBy('subject_id')
    .limit(limit)
    .execute()
}
