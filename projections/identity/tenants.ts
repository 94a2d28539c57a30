import type { Kysely } from 'kysely'
import type { IdentityEvent } from '../../domain/identity/events.ts'
import type { ReadModel } from '../kernel/read-model.ts'

// Every tenant, and whether its catalogue can be read without a key.

export interface TenantsTables {
  tenants: {
    tenant_id: string
    name: string
    catalogue_visibility: 'public' | 'private'
    created_at: Date
  }
}

export const tenants: ReadModel<IdentityEvent, TenantsTables> = {
  name: 'tenants',
  version: 1,
  keys: { tenants: ['tenant_id'] },
  changes: {
    TenantCreated: ({ data }, { tenantId }) => [
      {
        table: 'tenants',
        put: {
          tenant_id: tenantId,
          name: data.name,
          catalogue_visibility: 'private',
          created_at: new Date(data.createdAt),
        },
      },
    ],
    CatalogueVisibilityChanged: ({ data }, { tenantId }) => [
      {
        table: 'tenants',
        at: { tenant_id: tenantId },
        patch: { catalogue_visibility: data.visibility },
      },
    ],
  },
}

export async function hasPublicCatalogue(
  db: Kysely<TenantsTables>,
  tenantId: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('tenants')
    .select('catalogue_visibility')
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst()
  return row?.catalogue_visibility === 'public'
}
