import t from 'tap'
import { workflows } from '../../../projections/workflows/workflows.ts'
import { eventMeta } from '../../support/event-meta.ts'

const meta = eventMeta()
const now = '2026-01-02T03:04:05.000Z'
const of = { namespace: 'examples', name: 'nightly' }
const at = { tenant_id: 'acme', workflow_id: 'examples.nightly' }
const header = { dsl: '1.0.3', ...of, version: '1.0.0', title: 'Nightly' }

function content(document: Readonly<Record<string, unknown>>) {
  const owner = { actorId: 'key-1', scopes: ['workflows:write'] }
  return { ...of, version: '1.0.0', documentHash: 'a'.repeat(64), document, source: 'text', owner }
}

t.test('a definition is a row with its schedule, and a row of its version', async (t) => {
  const zoned = { ...header, metadata: { 'tidemark.timezone': 'Europe/Berlin' } }
  const data = { ...content({ document: zoned, do: [], schedule: { cron: '0 3 * * *' } }) }
  const changes = workflows.changes.WorkflowDefined?.(
    { type: 'WorkflowDefined', data: { ...data, definedAt: now } },
    meta,
  )
  t.match(changes, [
    {
      table: 'workflows',
      put: {
        ...{ ...at, title: 'Nightly', enabled: true, version: '1.0.0' },
        ...{ schedule: { cron: '0 3 * * *' }, time_zone: 'Europe/Berlin', scheduled_since: now },
      },
    },
    { table: 'workflow_versions', put: { ...at, version: '1.0.0', source: 'text' } },
  ])
})

t.test('a revision keeps whether the schedule is on, and starts it anew', async (t) => {
  const data = { ...content({ document: header, do: [] }), revisedAt: now }
  const changes = workflows.changes.WorkflowRevised?.({ type: 'WorkflowRevised', data }, meta)
  t.match(changes, [{ at, patch: { schedule: null, scheduled_since: now } }, {}])
  t.notMatch(JSON.stringify(changes), '"enabled"')
})

t.test('a removed workflow leaves its versions for the runs that are on them', async (t) => {
  const removed = { type: 'WorkflowRemoved', data: { ...of, removedAt: now } } as const
  t.same(workflows.changes.WorkflowRemoved?.(removed, meta), [{ table: 'workflows', remove: at }])
})
