import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { subject, subjectStream } from '../../../domain/privacy/subject.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { apiKeys } from '../../../projections/identity/api-keys.ts'
import { type ErasuresTables, erasures } from '../../../projections/privacy/erasures.ts'
import { execute } from '../../../services/kernel/execute.ts'
import { silent } from '../../../services/ports/logger.ts'
import type { DeliveredMessage } from '../../../services/ports/message-bus.ts'
import { erasureRoutes } from '../../../services/privacy/erasure-routes.ts'
import { runPrivacyReactor } from '../../../services/privacy/reactor.ts'
import { testApp } from '../../support/app.ts'
import { all } from '../../support/event-store-contract/scene.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'
import { sealing, testKeys } from '../../support/sealing.ts'
import { waitFor } from '../../support/wait-for.ts'

const context = { tenantId: 'acme', actorId: 'key:1', correlationId: 'c', causationId: 'c' }

async function privacy(t: Test) {
  const { store: log, pool } = await freshPostgresStore(t)
  const { subjectKeys: keys, rotation } = await testKeys(t, pool)
  const store = sealing(log, { subjectKeys: keys })
  const freshness = projected(t, store, pool, [apiKeys, erasures])
  const db = createReadDatabase<ErasuresTables>(pool)
  const deps = { store, keys, now: () => new Date() }
  const { inject } = await testApp(t, erasureRoutes({ ...deps, db, freshness }))
  const issue = async (subjectId: string, keyId: string, tenantId = 'acme') => {
    const data = { keyId, subjectId, name: 'laptop', owner: 'ann@example.com' }
    const rest = { scopes: ['audit:read'], secretHash: 'ff', issuedAt: new Date().toISOString() }
    const event = { id: randomUUID(), type: 'ApiKeyIssued', data: { ...data, ...rest } }
    await store.append(`apikey-${tenantId}.${keyId}`, [event], 'no-stream', {
      ...context,
      tenantId,
    })
  }
  const erase = (subjectId: string, actor: object = {}) =>
    inject(
      { method: 'POST', url: '/v1/privacy/erasures', payload: { subjectId } },
      { tenantId: 'acme', scopes: ['operations:write', 'operations:read'], ...actor },
    )
  const owners = async () =>
    (await pool.query('select key_id, name, owner from read.api_keys order by key_id')).rows
  return { ...deps, rotation, pool, inject, issue, erase, owners }
}

t.test('erasing takes a person out of every read model with the answer, once', async (t) => {
  const { store, issue, erase, owners, inject } = await privacy(t)
  const [ann, bob] = [randomUUID(), randomUUID()]
  await issue(ann, 'a1')
  await issue(bob, 'b1')
  await issue(ann, 'a2')
  await issue(ann, 'c1', 'beta')
  const answer = await erase(ann)
  t.match([answer.statusCode, answer.json()], [200, { subjectId: ann, inEffect: true }])
  const plain = { name: 'laptop', owner: 'ann@example.com' }
  const gone = { name: '[erased]', owner: '[erased]' }
  t.same(await owners(), [
    { key_id: 'a1', ...gone },
    { key_id: 'a2', ...gone },
    { key_id: 'b1', ...plain },
    { key_id: 'c1', ...plain },
  ])
  const again = await erase(ann)
  t.same(again.json(), answer.json(), 'repeating it is the same answer')
  const types = (await all(store.readStream(subjectStream('acme', ann)))).map(({ type }) => type)
  t.same(types, ['SubjectErasureRequested', 'SubjectErased'])
  const actor = { tenantId: 'acme', scopes: ['operations:read'] as const }
  const list = (await inject({ url: '/v1/privacy/erasures' }, actor)).json()
  t.match(list.items, [{ subjectId: ann, requestedBy: /./, erasedAt: answer.json().erasedAt }])
  t.equal(list.items.length, 1)
})

t.test('who is unknown, or another tenant, or has no right, erases nothing', async (t) => {
  const { issue, erase, owners } = await privacy(t)
  const ann = randomUUID()
  await issue(ann, 'a1')
  const unknown = await erase(randomUUID())
  t.match([unknown.statusCode, unknown.json().code], [404, 'subject-unknown'])
  t.equal((await erase(ann, { tenantId: 'beta' })).statusCode, 404)
  t.equal((await erase(ann, { scopes: ['keys:write'] })).statusCode, 403)
  t.equal((await erase('ann@example.com')).statusCode, 422)
  const [row] = await waitFor('the row', async () => {
    const rows = await owners()
    return rows.length > 0 && rows
  })
  t.equal(row?.owner, 'ann@example.com')
})

t.test('what a crash leaves half-done is finished, whichever half it was', async (t) => {
  const { store, keys, rotation, now, issue, owners } = await privacy(t)
  const [requested, destroyed] = [randomUUID(), randomUUID()]
  const messages: DeliveredMessage[] = []
  for (const [subjectId, keyId] of [
    [requested, 'a1'],
    [destroyed, 'a2'],
  ] as const) {
    await issue(subjectId, keyId)
    const at = now().toISOString()
    const command = { type: 'RequestErasure', subjectId, known: true, now: at } as const
    await execute(store, subject, subjectStream('acme', subjectId), command, context)
    messages.push({
      ...{ subject: 'tidemark.acme.privacy.SubjectErasureRequested', attributes: {} },
      ...{ position: 1n, data: { subjectId }, deliveryCount: 2 },
    })
  }
  await keys.destroy('acme', destroyed)
  const bus = {
    subscribe: async (
      { durable }: { readonly durable: string },
      handle: (message: DeliveredMessage) => Promise<void>,
    ) => {
      if (durable !== 'privacy-erasure') return
      for (const message of [...messages, ...messages]) await handle(message)
    },
  }
  const deps = { store, keys, rotation, now, bus, logger: silent }
  await runPrivacyReactor(deps, new AbortController().signal)
  for (const id of [requested, destroyed]) {
    const events = await all(store.readStream(subjectStream('acme', id)))
    t.same(
      events.map(({ type }) => type),
      ['SubjectErasureRequested', 'SubjectErased'],
    )
    t.equal(events[1]?.causationId, events[0]?.eventId)
  }
  const names = async () => (await owners()).map(({ name }) => name)
  await waitFor('both to be erased', async () => (await names()).join() === '[erased],[erased]')
  t.pass()
})
