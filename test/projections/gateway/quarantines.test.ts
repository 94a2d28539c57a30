import { randomUUID } from 'node:crypto'
import t from 'tap'
import { ROUTING_EVENTS } from '../../../domain/gateway/active-version.ts'
import { streamName } from '../../../domain/kernel/ids.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import {
  type QuarantinesTables,
  quarantines,
  quarantinesOf,
} from '../../../projections/gateway/quarantines.ts'
import { installed, now, plain, requested } from '../../support/installation-events.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'

const { store, pool } = await freshPostgresStore(t)
const freshness = projected(t, store, pool, [quarantines])
const db = createReadDatabase<QuarantinesTables>(pool)

type Happened = { readonly type: string; readonly data: object }

const quarantinedIn = (generation: number): Happened => ({
  type: 'ServerQuarantined',
  data: {
    ...{ version: '1.0.0', generation, failures: 5, cause: 'It died.' },
    quarantinedAt: '2026-01-01T00:00:00.000Z',
  },
})
const lifted: Happened = { type: 'QuarantineLifted', data: { liftedAt: now } }
const configured: Happened = {
  type: 'ConfigurationChanged',
  data: { configuration: plain, changedAt: now },
}
const inGenerationTwo = [requested('1.0.0'), installed('1.0.0')]

/** @returns what is in force after these events, and the id that they are about. */
async function after(...events: readonly Happened[]) {
  const installationId = randomUUID()
  let position = 0n
  for (const { type, data } of events) {
    const category = type.includes('Quarantine') ? 'quarantine' : 'installation'
    const event = { id: randomUUID(), type, data: { ...data, installationId } }
    const context = { tenantId: 'acme', actorId: 'x', correlationId: 'x', causationId: 'x' }
    const stream = streamName(category, 'acme', installationId)
    position = (await store.append(stream, [event], 'any', context)).position
  }
  await freshness.waitFor(position, 10_000)
  const inForce = (tenantId: string) => quarantinesOf(db, tenantId, [installationId, randomUUID()])
  return { installationId, inForce }
}

t.test('a quarantine is in force until it is lifted, for its own tenant', async (t) => {
  const { installationId, inForce } = await after(...inGenerationTwo, quarantinedIn(2))
  const own = await inForce('acme')
  t.same([...own.keys()], [installationId])
  t.match(own.get(installationId), { failures: 5, cause: 'It died.', version: '1.0.0' })
  t.equal((await inForce('other')).size, 0)
  const over = await after(...inGenerationTwo, quarantinedIn(2), lifted)
  t.equal((await over.inForce('acme')).size, 0)
  t.equal((await quarantinesOf(db, 'acme', [])).size, 0)
})

t.test('another configuration ends it, whichever of the two was recorded first', async (t) => {
  const changed = await after(...inGenerationTwo, quarantinedIn(2), configured)
  t.equal((await changed.inForce('acme')).size, 0)
  const late = await after(...inGenerationTwo, configured, quarantinedIn(2))
  t.equal((await late.inForce('acme')).size, 0)
  const again = await after(...inGenerationTwo, configured, quarantinedIn(3))
  t.equal((await again.inForce('acme')).size, 1)
})

t.test('one that lasts is in force whatever the installation becomes', async (t) => {
  const data = { version: '1.0.0', generation: 2, cause: 'Too many calls.', untilLifted: true }
  const stopped = { type: 'ServerQuarantined', data: { ...data, quarantinedAt: now } }
  const { installationId, inForce } = await after(...inGenerationTwo, stopped, configured)
  t.match((await inForce('acme')).get(installationId), { failures: null, until_lifted: true })
})

t.test('it counts the generations that the gateway counts', async (t) => {
  const counted = Object.keys(quarantines.changes).filter((type) => !type.includes('Quarantine'))
  t.same(counted.sort(), [...ROUTING_EVENTS].sort())
})
