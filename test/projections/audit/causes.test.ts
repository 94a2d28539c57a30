import t from 'tap'
import { eventCatalogue } from '../../../domain/event-catalogue.ts'
import { causes, UNLISTED_TYPES } from '../../../projections/audit/causes.ts'
import { subscribedTypes } from '../../../projections/kernel/read-model.ts'
import { eventMeta } from '../../support/event-meta.ts'

t.test('an event is a row that names what led to it', async (t) => {
  const meta = eventMeta()
  t.match(causes.changes.TenantCreated?.({ type: 'TenantCreated' }, meta), [
    {
      table: 'causes',
      put: {
        tenant_id: meta.tenantId,
        event_id: meta.eventId,
        causation_id: meta.causationId,
        position: meta.position,
        type: 'TenantCreated',
      },
    },
  ])
})

t.test('every event type has rows, but for calls and uses', async (t) => {
  const all = Object.values(eventCatalogue).flatMap((events) => Object.keys(events))
  t.same([...subscribedTypes(causes), ...UNLISTED_TYPES].sort(), all.sort())
})
