import { writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { emptyDatabase } from '../support/database.ts'
import { freshNats } from '../support/nats.ts'
import { newDataDirectory, startTidemark } from '../support/program.ts'
import { snapshotOf } from '../support/snapshot.ts'
import { waitFor } from '../support/wait-for.ts'

// The real program in a process of its own, on a Postgres and a NATS of its own.
t.setTimeout(240_000)

t.test('the program from an empty database to its end', async (t) => {
  const database = await emptyDatabase(t)
  const nats = await freshNats(t)
  const files = newDataDirectory(t)
  writeFileSync(
    path.join(files, 'snapshot.json'),
    JSON.stringify(snapshotOf('io.example/tidemark-e2e', '1.0.0')),
  )
  const servers = {
    databaseUrl: database.appUrl,
    databaseOwnerUrl: database.ownerUrl,
    natsUrl: nats.url,
    dataDirectory: newDataDirectory(t),
    environment: { PUBLIC_CATALOGUE: '1', REGISTRY_FILE_ROOTS: files, SANDBOX: 'none' },
  }
  const tidemark = await startTidemark(t, servers)
  const { json, request } = tidemark

  await t.test('the first key may do everything', async (t) => {
    t.match(await json('/v1/whoami'), { tenantId: 'default', actorId: 'key:0000000000000001' })
  })

  await t.test('the state of everything can be asked for', async (t) => {
    const ready = await json<{ checks: Record<string, { ok: boolean }> }>('/health/ready', {
      key: null,
    })
    t.match(ready, { status: 'ready', sandbox: 'none' })
    t.ok(Object.values(ready.checks).every(({ ok }) => ok))
    t.same(Object.keys(ready.checks), [
      'eventStore',
      'database',
      'nats',
      'background',
      'readModels',
      'relay',
      'webhooks',
      'rules',
    ])
  })

  await t.test('a rule acts, in the name of the key that wrote it', async (t) => {
    for (const name of ['Asked', 'Answered'])
      await json('/v1/custom-events/types', { body: { name, schema: { type: 'object' } } })
    const { ruleId } = await json<{ ruleId: string }>('/v1/rules', {
      body: {
        ...{ name: 'Answer', on: ['custom.Asked'], condition: 'event.data.urgent == true' },
        actions: [
          {
            ...{ kind: 'command', command: 'emit-custom-event' },
            parameters: { name: 'Answered', data: { to: { cel: 'event.data.from' } } },
          },
        ],
      },
    })
    await json(`/v1/rules/${ruleId}/enable`, { method: 'POST' })
    await json('/v1/custom-events', {
      body: { name: 'Asked', data: { urgent: true, from: 'ann' } },
    })
    type Shown = { type: string; actorid: string; data: object }
    const answered = await waitFor('the answer', async () => {
      const { items } = await json<{ items: Shown[] }>('/v1/events?types=CustomEventEmitted')
      return items.find(({ type }) => type === 'custom.Answered')
    })
    t.match(answered, { actorid: 'key:0000000000000001', data: { data: { to: 'ann' } } })
    t.match(await (await request('/metrics')).text(), /rule_verdicts_total\{verdict="matched"\} 1/)
  })

  await t.test('a source is mirrored, found and served', async (t) => {
    const added = await json<{ position: string }>('/v1/registry/sources', {
      body: { name: 'Snapshot', kind: 'file', location: path.join(files, 'snapshot.json') },
    })
    t.match(added.position, /^\d+$/)
    const found = await waitFor('the entry', async () => {
      const page = await json<{ servers: { server: { name: string } }[] }>(
        `/v0.1/servers?search=tidemark-e2e&atLeast=${added.position}`,
        { key: null },
      )
      return page.servers.find(({ server }) => server.name === 'io.example/tidemark-e2e')
    })
    t.match(found, { server: { version: '1.0.0' } })
    const search = await json<{ success: boolean; data: unknown[] }>(
      '/v1/services/search?q=tidemrk-e2e',
      { key: null },
    )
    t.equal(search.success, true)
    t.match(search.data[0], { name: 'io.example/tidemark-e2e' })
  })

  await t.test('all of it is in the log, with who did it', async (t) => {
    const { items } = await json<{ items: Record<string, unknown>[] }>(
      '/v1/events?types=RegistrySourceAdded,CatalogueEntryAdded&limit=1000',
    )
    const added = items.filter(({ type }) => type === 'RegistrySourceAdded')
    t.match(added.at(-1), { actorid: 'key:0000000000000001', tenantid: 'default' })
    t.ok(items.some(({ type }) => type === 'CatalogueEntryAdded'))
  })

  await t.test('the read models are what the log says', async (t) => {
    t.match(await json('/v1/audit/verifications', { method: 'POST' }), { identical: true })
  })

  await t.test('the metrics tell of it', async (t) => {
    t.equal((await request('/metrics', { key: null })).status, 401)
    const text = await (await request('/metrics')).text()
    t.match(text, /tidemark_commands_seconds_count\{command="AddSource",outcome="accepted"\} 2/)
    t.match(text, /tidemark_relay_lag_events 0/)
  })

  await t.test('nobody gets anywhere without a key, but to what is public', async (t) => {
    const document = await json<Document>('/openapi.json', { key: null })
    t.equal(document.openapi, '3.1.0')
    const open: string[] = []
    let tried = 0
    for (const [pattern, operations] of Object.entries(document.paths))
      for (const method of Object.keys(operations)) {
        tried += 1
        const answer = await request(concrete(pattern), {
          method: method.toUpperCase() as 'GET',
          key: null,
          ...(method === 'post' || method === 'put' ? { body: {} } : {}),
        })
        await answer.body?.cancel()
        if (answer.status !== 401) open.push(`${method} ${pattern}`)
      }
    t.ok(tried > 30, `${tried} operations were tried`)
    t.same(open.sort(), [
      'get /health/live',
      'get /health/ready',
      'get /v0.1/servers',
      'get /v0.1/servers/{serverName}/versions',
      'get /v0.1/servers/{serverName}/versions/{version}',
      'get /v1/services',
      'get /v1/services/search',
      'get /v1/services/suggest',
      'get /v1/services/{serviceId}',
    ])
  })

  await t.test('every reference of the document leads somewhere', async (t) => {
    const document = await json<Document>('/openapi.json', { key: null })
    const text = JSON.stringify(document)
    const references = new Set([...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, to]) => to))
    for (const reference of references) {
      const target = (reference ?? '')
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document)
      t.ok(target, reference ?? '')
    }
    const ids = Object.values(document.paths).flatMap((operations) =>
      Object.values(operations).map(({ summary }) => summary),
    )
    t.ok(
      ids.every((summary) => typeof summary === 'string'),
      'every operation has a summary',
    )
  })

  await t.test('another tenant’s names in a request do not count', async (t) => {
    const answer = await request('/v1/keys', {
      body: { name: 'x', scopes: ['audit:read'], tenantId: 'other' },
    })
    t.equal(answer.status, 422)
  })

  await t.test('no secret is in the output', async (t) => {
    t.notOk(tidemark.log().includes(tidemark.key))
    t.notMatch(tidemark.log(), /authorization/i)
  })

  await t.test('it ends when asked, and an open stream with it', async (t) => {
    const stream = await request('/v1/events/stream')
    const ended = stream.text()
    t.same(await tidemark.stop(), { code: 0, signal: null })
    t.match(await ended, /^retry: \d+/)
  })

  await t.test(
    'the next start finds everything, and the first key is still the first',
    async (t) => {
      const again = await startTidemark(t, servers)
      t.equal(again.key, tidemark.key)
      const page = await again.json<{ servers: unknown[] }>('/v0.1/servers?search=tidemark-e2e', {
        key: null,
      })
      t.equal(page.servers.length, 1)
      const keys = await again.json<{ items: unknown[] }>('/v1/keys')
      t.equal(keys.items.length, 1)
      again.signal('SIGTERM')
      t.same(await again.exited, { code: 0, signal: null })
    },
  )
})

type Document = {
  readonly openapi: string
  readonly paths: Record<string, Record<string, { readonly summary?: string }>>
}

function concrete(pattern: string): string {
  return pattern.replaceAll(/\{[^}]+\}/g, '11111111-1111-4111-8111-111111111111')
}
