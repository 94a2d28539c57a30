import { connect } from 'nats'
import pg from 'pg'
import t from 'tap'
import { tidemark } from '../support/cli.ts'
import { emptyDatabase } from '../support/database.ts'
import { freshNats } from '../support/nats.ts'
import { newDataDirectory, startTidemark, type TidemarkProcess } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'
import { startReceiver } from '../support/webhook-receiver.ts'

// A person's data that can be recognised, looked for wherever the program leaves anything.
t.setTimeout(240_000)

const CANARY = 'canary-7c1e'
const OWNER = `Ann ${CANARY} <ann@example.com>`

type Keys = { readonly items: readonly { readonly name: string; readonly owner?: string }[] }

const database = await emptyDatabase(t)
const nats = await freshNats(t)
const servers = {
  databaseUrl: database.appUrl,
  databaseOwnerUrl: database.ownerUrl,
  natsUrl: nats.url,
  dataDirectory: newDataDirectory(t),
  environment: { SANDBOX: 'none', LOG_LEVEL: 'debug', ALLOW_PRIVATE_WEBHOOKS: '1' },
}

/** Names of tables with the canary in the text of any row. */
async function tablesWithCanary(): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: database.ownerUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    )
    const found: string[] = []
    for (const { name } of rows) {
      // Bytes are printed as hexadecimal, so they are looked for in both ways.
      const hits = await client.query(
        `select from ${name} as each where strpos(each::text, $1) > 0 or strpos(each::text, $2) > 0`,
        [CANARY, Buffer.from(CANARY).toString('hex')],
      )
      if (hits.rowCount !== 0) found.push(name)
    }
    return found
  } finally {
    await client.end()
  }
}

/** Every message of JetStream, headers and all. */
async function messages(): Promise<readonly string[]> {
  const connection = await connect({ servers: nats.url })
  try {
    const manager = await connection.jetstreamManager()
    const { state } = await manager.streams.info('TIDEMARK')
    const texts: string[] = []
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await manager.streams.getMessage('TIDEMARK', { seq })
      texts.push(`${message.subject} ${message.header} ${message.string()}`)
    }
    return texts
  } finally {
    await connection.close()
  }
}

const withCanary = (texts: readonly string[]) => texts.filter((text) => text.includes(CANARY))

async function issue({ json }: TidemarkProcess) {
  const body = { name: `${CANARY} laptop`, owner: OWNER, scopes: ['catalogue:read'] }
  type Issued = { subjectId: string; keyId: string; key: string; position: string }
  return await json<Issued>('/v1/keys', { body })
}

/** What the event feed sends from behind `position` up to and with `word`. */
async function feedUntil(
  { request }: TidemarkProcess,
  position: bigint,
  word: string,
): Promise<string> {
  const types = 'ApiKeyIssued,SubjectErased'
  const { body } = await request(`/v1/events/stream?after=${position}&types=${types}`)
  let text = ''
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk).toString('utf8')
    if (text.includes(word)) break
  }
  return text
}

t.test('what is recorded of a person is nowhere in plain text, and gone when erased', async (t) => {
  const first = await startTidemark(t, servers)
  const receiver = await startReceiver(t)
  await first.json('/v1/webhooks', { body: { url: receiver.url, types: ['ApiKeyIssued'] } })
  // As long as somebody reads it, the feed keeps the newest events in memory.
  const reader = await first.request('/v1/events/stream')
  t.teardown(() => reader.body?.cancel().catch(() => {}))
  const { subjectId, keyId, key, ...issued } = await issue(first)
  const before = BigInt(issued.position) - 1n
  t.match(await feedUntil(first, before, keyId), CANARY, 'who may read the log over HTTP sees it')
  const refused = await first.request('/v1/keys', {
    body: { name: 'x', owner: CANARY.repeat(200), scopes: ['catalogue:read'] },
  })
  t.equal(refused.status, 422)
  t.notMatch(await refused.text(), CANARY, 'a refusal does not repeat what was sent')
  t.same(await tablesWithCanary(), ['read.api_keys'], 'only what answers queries has it')
  const published = await waitFor('the key on the bus', async () => {
    const all = await messages()
    return all.some((text) => text.includes(keyId)) && all
  })
  t.same(withCanary(published), [])
  t.match(published.filter((text) => text.includes(keyId)).join(), /"owner":"v1\./)
  const sent = await waitFor('the key at the webhook', () => receiver.messages[0]?.body)
  t.match(sent, /"owner":"v1\./, 'who is called keeps copies that no erasure reaches')
  t.notMatch(sent, CANARY)
  t.match((await first.json<Keys>('/v1/keys')).items, [{}, { owner: OWNER }])

  const environment = { TIDEMARK_URL: first.address, TIDEMARK_API_KEY: first.key }
  const unknown = await tidemark(
    ['privacy', 'erase', '00000000-0000-4000-8000-00000000dead'],
    environment,
  )
  t.match(unknown, { code: 3, stderr: /Nothing is recorded about this subject/ })
  for (let times = 0; times < 2; times++) {
    const erased = await tidemark(['privacy', 'erase', subjectId], environment)
    t.match(erased, { code: 0, stdout: `The data of ${subjectId} is erased` })
  }
  t.same(await tablesWithCanary(), [])
  const replayed = await feedUntil(first, before, 'SubjectErased')
  t.match(replayed, '"owner":"[erased]"')
  t.notMatch(replayed, CANARY)
  const rotated = await tidemark(['privacy', 'rotate-keys', '--json'], environment)
  t.match(rotated, { code: 0, stderr: '' })
  t.match(JSON.parse(rotated.stdout), { status: 'completed', remaining: { secrets: 0 } })
  t.match(await first.json('/v1/audit/verifications', { method: 'POST' }), { identical: true })
  t.equal((await first.request('/v1/whoami', { key })).status, 200, 'the key itself still works')
  const again = await first.request('/v1/keys', {
    body: { name: 'again', subjectId, scopes: ['catalogue:read'] },
  })
  t.match(await again.json(), { status: 409, code: 'subject-erased' })
  t.notMatch(first.log(), CANARY)
  t.same(await first.stop(), { code: 0, signal: null })
})

t.test('everything is built again out of the log, without what was erased', async (t) => {
  const client = new pg.Client({ connectionString: database.ownerUrl })
  await client.connect()
  await client.query('truncate read.checkpoints, read.api_keys, read.tenants, read.erasures')
  await client.end()
  await nats.wipe()
  const { json, log } = await startTidemark(t, servers)
  t.match((await json<Keys>('/v1/keys')).items, [{}, { name: '[erased]', owner: '[erased]' }])
  const verification = await json<{ readModels: readonly { parkedStreams: number }[] }>(
    '/v1/audit/verifications',
    { method: 'POST' },
  )
  t.match(verification, { identical: true })
  t.ok(verification.readModels.every(({ parkedStreams }) => parkedStreams === 0))
  const events = await json('/v1/events?types=ApiKeyIssued&limit=1000')
  t.match(JSON.stringify(events), /"owner":"\[erased\]"/)
  const published = await waitFor('the erasure on the bus', async () => {
    const all = await messages()
    return all.some((text) => text.includes('.SubjectErased ')) && all
  })
  t.same(withCanary(published), [])
  t.same(await tablesWithCanary(), [])
  t.notMatch(log(), CANARY)
})
