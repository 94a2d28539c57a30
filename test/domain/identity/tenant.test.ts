import t from 'tap'
import { type TenantEvent, tenant, tenantStream } from '../../../domain/identity/tenant.ts'
import { accept } from '../../../domain/kernel/decider.ts'
import { given } from '../../support/given.ts'

const history = given(tenant)
const now = '2026-01-02T03:04:05.000Z'
const created: TenantEvent = { type: 'TenantCreated', data: { name: 'Acme', createdAt: now } }
const opened: TenantEvent = {
  type: 'CatalogueVisibilityChanged',
  data: { visibility: 'public', changedAt: now },
}
const create = { type: 'CreateTenant', name: 'Acme', now } as const
const show = (visibility: 'public' | 'private') =>
  ({ type: 'ChangeCatalogueVisibility', visibility, now }) as const

t.test('a tenant is created once', async (t) => {
  t.same(history().when(create), accept(created))
  t.same(history(created).when(create), accept())
})

t.test('a catalogue is private until somebody opens it', async (t) => {
  t.same(history(created).when(show('private')), accept())
  t.same(history(created).when(show('public')), accept(opened))
  t.same(history(created, opened).when(show('public')), accept())
  t.match(history(created, opened).when(show('private')), {
    events: [{ data: { visibility: 'private' } }],
  })
})

t.test('a tenant that does not exist has no catalogue to open', async (t) => {
  t.match(history().when(show('public')), {
    rejection: { kind: 'not-found', code: 'tenant-unknown' },
  })
})

t.test("the stream's name carries the tenant", async (t) => {
  t.equal(tenantStream('acme'), 'tenant-acme.tenant')
})
