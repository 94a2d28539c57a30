import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import t from 'tap'
import { streamName } from '../../../domain/kernel/ids.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { readModels, type Tables } from '../../../projections/read-models.ts'
import { installationReads } from '../../../services/installer/read-routes.ts'
import { testApp } from '../../support/app.ts'
import { installationId, installed, now, requested } from '../../support/installation-events.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'

const { store, pool } = await freshPostgresStore(t)
const freshness = projected(t, store, pool, readModels)
/** Two events of this installation are more. */
const pageBytes = 300
const deps = { events: store, db: createReadDatabase<Tables>(pool), pageBytes }
const reads: FastifyPluginAsyncTypebox = async (app) => {
  await app.register(installationReads(deps))
}
const { inject } = await testApp(t, reads, { freshness })
const url = `/v1/installations/${installationId}`

async function record(category: string, type: string, data: object): Promise<string> {
  const { position } = await store.append(
    streamName(category, 'acme', installationId),
    [{ id: randomUUID(), type, data: { installationId, ...data } }],
    'any',
    { tenantId: 'acme', actorId: 'x', correlationId: 'x', causationId: 'x' },
  )
  return position.toString()
}

for (const { type, data } of [requested('1.0.0'), installed('1.0.0')])
  await record('installation', type, data)

t.test('a quarantined server says since when and why, in the list too', async (t) => {
  const quarantinedAt = '2026-01-03T00:00:00.000Z'
  const facts = { version: '1.0.0', generation: 2, failures: 5, cause: 'It ended with code 3.' }
  const since = await record('quarantine', 'ServerQuarantined', { ...facts, quarantinedAt })
  const quarantine = {
    ...{ since: quarantinedAt, failures: 5, untilLifted: false },
    cause: 'It ended with code 3.',
  }
  const one = (await inject({ url: `${url}?atLeast=${since}` })).json()
  t.same(one.quarantine, quarantine)
  t.equal(one.status, 'installed')
  const list = (await inject({ url: '/v1/installations' })).json()
  t.same(list.items[0].quarantine, quarantine)
  const lifted = await record('quarantine', 'QuarantineLifted', { liftedAt: now })
  t.equal((await inject({ url: `${url}?atLeast=${lifted}` })).json().quarantine, undefined)
})

t.test('a history of large events comes in more pages, and is whole', async (t) => {
  const type = 'ConfigurationChanged'
  const configuration = (value: string) => ({
    ...{ environment: { A: value }, arguments: [], secretNames: [], network: 'none' },
  })
  for (const value of ['a', 'b', 'c'])
    await record('installation', type, {
      configuration: configuration(value.repeat(200)),
      changedAt: now,
    })
  const pages: number[] = []
  const types: string[] = []
  let cursor: string | undefined
  do {
    const query = `limit=4${cursor === undefined ? '' : `&cursor=${cursor}`}`
    const page = (await inject({ url: `${url}/history?${query}` })).json()
    pages.push(page.items.length)
    types.push(...page.items.map((item: { type: string }) => item.type))
    cursor = page.nextCursor
  } while (cursor !== undefined)
  t.same(types, ['InstallationRequested', 'ServerInstalled', type, type, type])
  t.same(pages, [1, 1, 1, 1, 1])
})
