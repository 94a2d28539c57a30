import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { AT_LENGTH, everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { mcpPackage } from '../support/mcp-package.ts'
import { startNpmRegistry } from '../support/npm-registry.ts'
import { type TidemarkProcess, tidemarkProcess } from '../support/tidemark-process.ts'
import { startUpstream, upstreamEntry } from '../support/upstream.ts'
import { waitFor } from '../support/wait-for.ts'

const KILLS = AT_LENGTH ? 2 : 1
/** From before a request is handled until after an install is over. */
const MAX_LIFE_MS = 2_000
const LISTED_SERVERS = 150
const ENDED = ['installed', 'failed']

timeForSeeds(600)

/** What the program accepted: whatever happens afterwards, it has to be true at the end. */
type Ledger = { readonly installations: Set<string> }

t.test('a process killed at random moments of installs and syncs loses nothing', (t) =>
  everySeed(t, 600, async (t, random) => {
    const npm = await startNpmRegistry(t, [mcpPackage('1.0.0')])
    const upstream = await startUpstream(t)
    const tidemark = await tidemarkProcess(t, { npm_config_registry: npm.url })
    const ledger: Ledger = { installations: new Set() }
    upstream.list(listing(0))
    await tidemark.start()
    await addSource(tidemark, upstream.url)

    for (let kill = 1; kill <= KILLS; kill++) {
      upstream.list(listing(kill))
      await Promise.allSettled([installOne(tidemark, ledger), sync(tidemark)])
      await delay(random.integer(MAX_LIFE_MS))
      await tidemark.kill()
      await tidemark.start()
    }

    await waitFor('every installation to end', () => allEnded(tidemark, ledger), 120_000)
    await mirrored(tidemark, KILLS)
    await assertLog(t, tidemark, ledger)
    await assertInstallations(t, tidemark, ledger)
    await assertReadModels(t, tidemark)
    t.equal(await tidemark.stop(), 0, 'and at last it stops in order')
  }),
)

/** Every server of the upstream changes its description in every round; some come, some go. */
function listing(round: number): unknown[] {
  const tiny = upstreamEntry('io.test/tiny', '1.0.0', {
    server: {
      packages: [
        {
          registryType: 'npm',
          identifier: 'tiny-server',
          version: '1.0.0',
          transport: { type: 'stdio' },
        },
      ],
    },
  })
  const others = Array.from({ length: LISTED_SERVERS }, (_, index) =>
    upstreamEntry(`io.test/server-${index + round}`, '1.0.0', {
      server: { description: `Round ${round}.` },
    }),
  )
  return [tiny, ...others]
}

async function addSource(tidemark: TidemarkProcess, location: string): Promise<void> {
  const source = { sourceId: 'test', name: 'test', kind: 'official', location }
  const { status } = await tidemark.request('POST', '/v1/registry/sources', source)
  if (status !== 201) throw new Error(`The source was answered with ${status}.`)
  await mirrored(tidemark, 0)
}

/** Sends it again with the same key when the answer is lost, as a client does. */
async function installOne(tidemark: TidemarkProcess, ledger: Ledger): Promise<void> {
  const key = randomUUID()
  for (let attempt = 0; attempt < 2; attempt++) {
    const answer = await tidemark
      .request(
        'POST',
        '/v1/installations',
        { server: 'io.test/tiny', source: 'test' },
        { 'idempotency-key': key },
      )
      .catch(() => undefined)
    if (answer?.status !== 202) continue
    ledger.installations.add(String(answer.body.installationId))
  }
}

async function sync(tidemark: TidemarkProcess): Promise<void> {
  await tidemark.request('POST', '/v1/registry/sources/test/sync', {})
}

async function allEnded(tidemark: TidemarkProcess, ledger: Ledger): Promise<boolean> {
  for (const id of ledger.installations) {
    const { body } = await tidemark.request('GET', `/v1/installations/${id}`)
    if (!ENDED.includes(String(body.status))) return false
  }
  return true
}

/** Syncs until the catalogue shows the listing of this round. */
async function mirrored(tidemark: TidemarkProcess, round: number): Promise<void> {
  await waitFor(
    `the listing of round ${round}`,
    async () => {
      await sync(tidemark)
      const address = `/v0.1/servers/${encodeURIComponent(`io.test/server-${round + LISTED_SERVERS - 1}`)}/versions/latest`
      const { body } = await tidemark.request('GET', address)
      const server = body.server as { description?: string } | undefined
      return server?.description === `Round ${round}.`
    },
    60_000,
  )
}

async function assertLog(t: Test, tidemark: TidemarkProcess, ledger: Ledger): Promise<void> {
  const client = new pg.Client({ connectionString: tidemark.appUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ head: string; events: string; gaps: string }>(`
      select max(position)::text as head, count(*)::text as events,
        (select count(*)::text from (
           select revision, row_number() over (partition by stream order by revision) - 1 as due
           from log.events) as numbered where revision <> due) as gaps
      from log.events`)
    const [log = { head: '0', events: '0', gaps: '0' }] = rows
    t.equal(log.events, log.head, 'positions have no gap')
    t.equal(log.gaps, '0', 'revisions have no gap')
    const requested = await client.query<{ stream: string }>(
      `select stream from log.events where type = 'InstallationRequested'`,
    )
    const accepted = [...ledger.installations].map((id) => `installation-default.${id}`)
    const inLog = requested.rows.map(({ stream }) => stream)
    t.same(
      accepted.filter((stream) => !inLog.includes(stream)),
      [],
      'every accepted install is in the log',
    )
    const repeated = await client.query(`
      select stream from (
        select stream, type, data::json ->> 'contentHash' as hash,
          lag(data::json ->> 'contentHash') over (partition by stream order by revision) as before
        from log.events where type like 'CatalogueEntry%') as changes
      where hash = before`)
    t.same(repeated.rows, [], 'no change of the catalogue is recorded twice')
    const settled = await client.query<{ count: string }>(`
      select stream from log.events where type in ('ServerInstalled', 'InstallationFailed')
      group by stream having count(*) > 1`)
    t.same(settled.rows, [], 'no installation ended twice')
  } finally {
    await client.end()
  }
}

async function assertInstallations(
  t: Test,
  tidemark: TidemarkProcess,
  ledger: Ledger,
): Promise<void> {
  t.ok(ledger.installations.size > 0, 'some installs were accepted')
  for (const id of ledger.installations) {
    const { body } = await tidemark.request('GET', `/v1/installations/${id}`)
    const home = path.join(tidemark.dataDir, 'servers', 'default', id)
    if (body.status === 'failed') {
      // A stage that saw so many processes die is given up, in case it is what kills them.
      t.match(body, { failure: { code: 'stage-kept-failing' } }, `${id} was interrupted too often`)
      t.notOk(existsSync(path.join(home, 'current')), `${id} left nothing`)
      continue
    }
    t.match(body, { status: 'installed' }, `${id} is installed`)
    t.ok(existsSync(path.join(home, 'current', '.manifest.json')), `${id} is whole on disk`)
    t.same(readdirSync(path.join(home, 'staging')), [], `${id} left nothing half done`)
  }
}

async function assertReadModels(t: Test, tidemark: TidemarkProcess): Promise<void> {
  const { body } = await tidemark.request('POST', '/v1/audit/verifications', {})
  t.match(body, { identical: true }, 'the read models are what the log says')
}
