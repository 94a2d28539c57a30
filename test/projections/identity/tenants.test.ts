import t from 'tap'
import { tenants } from '../../../projections/identity/tenants.ts'
import { createPlainFold } from '../../../projections/kernel/plain-fold.ts'
import { eventMeta } from '../../support/event-meta.ts'

t.test('a tenant begins with a private catalogue', async (t) => {
  const fold = createPlainFold(tenants.keys)
  const createdAt = '2026-01-01T00:00:00.000Z'
  const created = { type: 'TenantCreated', data: { name: 'Acme', createdAt } } as const
  fold.apply(tenants.changes.TenantCreated?.(created, eventMeta()) ?? [])
  const row = () => [...(fold.tables.get('tenants')?.values() ?? [])][0]
  t.same(row(), {
    tenant_id: 'acme',
    name: 'Acme',
    catalogue_visibility: 'private',
    created_at: new Date(createdAt),
  })
  const opened = {
    type: 'CatalogueVisibilityChanged',
    data: { visibility: 'public', changedAt: createdAt },
  } as const
  fold.apply(tenants.changes.CatalogueVisibilityChanged?.(opened, eventMeta()) ?? [])
  t.match(row(), { catalogue_visibility: 'public' })
})
