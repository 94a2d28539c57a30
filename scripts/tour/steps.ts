import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Api } from '../../services/cli/api.ts'
import {
  type Accepted,
  type InstallationDetail,
  untilSettled,
} from '../../services/cli/installations.ts'
import { syncSource, syncSummary } from '../../services/cli/sources.ts'
import { connectTo } from '../../services/cli/tool-call.ts'
import type { Usage } from '../../services/cli/usage.ts'
import { verify } from '../../services/cli/verification.ts'
import { check } from './check.ts'
import { rememberTour, uninstallLastTour } from './last-tour.ts'

const SERVER = 'io.github.modelcontextprotocol/server-everything'
const SOURCE = 'starter'
const OLDER = '2025.11.25'
const SNAPSHOT_SOURCE = 'tour-snapshot'
const SNAPSHOT = path.resolve(
  import.meta.dirname,
  '../../../shared/data/registry/official-registry-snapshot-2025-12-18.json',
)
const QUICK_MS = 1_000

/** What the steps hand on to each other. */
export type Tour = {
  readonly api: Api
  installation?: InstallationDetail
  newest?: string
  echoesBefore?: number
  /** A moment at which the older version was active. */
  beforeUpdate?: string
}

/** @returns what was found, in one line; a step that finds anything wrong throws. */
export type Step = { readonly title: string; readonly run: (tour: Tour) => Promise<string> }

export const STEPS: readonly Step[] = [
  { title: 'Is it healthy?', run: health },
  { title: 'Mirror a registry', run: mirror },
  { title: 'Search, with a misspelling', run: search },
  { title: `Install ${SERVER} ${OLDER}`, run: install },
  { title: 'Call its tool "echo"', run: call },
  { title: 'See the statistics', run: stats },
  { title: 'Update to the newest version', run: update },
  { title: 'Roll back', run: rollBack },
  { title: 'Ask what was installed before the update', run: lookBack },
  { title: 'Verify the audit: rebuild every read model and compare', run: audit },
]

async function health({ api }: Tour): Promise<string> {
  const { status, sandbox } = await api.get<{ status: string; sandbox: string }>('/health/ready')
  check(status === 'ready', `it says "${status}"`)
  return `${api.address.origin} is ready; servers run in: ${sandbox}`
}

async function mirror({ api }: Tour): Promise<string> {
  if (!existsSync(SNAPSHOT)) return syncSummary(await syncSource(api, SOURCE, () => {}))
  await api.post('/v1/registry/sources', {
    sourceId: SNAPSHOT_SOURCE,
    name: 'Snapshot of the official registry',
    kind: 'file',
    location: SNAPSHOT,
  })
  const source = await syncSource(api, SNAPSHOT_SOURCE, () => {})
  check(source.entries > 0, 'the mirror is empty')
  return syncSummary(source)
}

async function search({ api }: Tour): Promise<string> {
  type Found = { readonly data: readonly { readonly name: string }[] }
  const { data } = await api.get<Found>('/v1/services/search', { q: 'evrything server', limit: 20 })
  const place = data.findIndex(({ name }) => name === SERVER)
  check(place >= 0, `"evrything server" does not find ${SERVER}`)
  return `"evrything server" finds ${SERVER} at place ${place + 1} of ${data.length}`
}

async function install(tour: Tour): Promise<string> {
  const { api } = tour
  await uninstallLastTour(api)
  const accepted = await api.post<Accepted>('/v1/installations', {
    server: SERVER,
    version: OLDER,
    source: SOURCE,
    configuration: { network: 'none' },
  })
  const done = await untilSettled(api, accepted, () => {})
  check(done.version === OLDER, `version ${done.version} is active`)
  check(done.tools.includes('echo'), 'it lists no tool "echo"')
  rememberTour(done.installationId)
  tour.installation = done
  return `${done.tools.length} tools; ${done.installationId}`
}

async function call(tour: Tour): Promise<string> {
  tour.echoesBefore = await echoes(tour.api)
  await using server = await connectTo(tour.api, idOf(tour))
  const message = `The tide is in at ${new Date().toISOString()}`
  const { content, isError } = await server.call('echo', { message })
  const [answer] = content
  const text = answer?.type === 'text' ? answer.text : ''
  check(isError !== true && text.includes(message), `it answered: ${text}`)
  return text
}

async function stats({ api, echoesBefore = 0 }: Tour): Promise<string> {
  // Calls are recorded in groups, a moment after they were answered.
  const deadline = performance.now() + 10_000
  while ((await echoes(api)) <= echoesBefore) {
    check(performance.now() < deadline, 'the call was not counted within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const { total } = await usage(api)
  const { calls, errors, p50Ms, p99Ms } = total
  return `${calls} calls so far, ${errors} errors; p50 ${p50Ms} ms, p99 ${p99Ms} ms`
}

async function echoes(api: Api): Promise<number> {
  return (await usage(api)).tools.find(({ tool }) => tool === 'echo')?.calls ?? 0
}

function usage(api: Api): Promise<Usage> {
  return api.get(`/v1/analytics/services/${encodeURIComponent(SERVER)}`)
}

async function update(tour: Tour): Promise<string> {
  const { api } = tour
  const path = `/v1/installations/${idOf(tour)}`
  type Checked = { readonly update?: { readonly version: string; readonly breaking: boolean } }
  const { update: found } = await api.post<Checked>(`${path}/check`)
  check(found !== undefined, 'no newer version was found')
  tour.beforeUpdate = new Date().toISOString()
  const accepted = await api.post<Accepted>(`${path}/update`, { allowBreaking: true })
  const done = await untilSettled(api, accepted, () => {})
  check(done.version === found.version, `version ${done.version} is active`)
  tour.newest = found.version
  return `${OLDER} → ${done.version}${found.breaking ? ' (flagged as breaking)' : ''}`
}

async function rollBack(tour: Tour): Promise<string> {
  const { api } = tour
  const startedAt = performance.now()
  const path = `/v1/installations/${idOf(tour)}`
  const done = await api.post<Accepted & { version: string }>(`${path}/rollback`)
  const ms = performance.now() - startedAt
  check(done.version === OLDER, `version ${done.version} is active`)
  check(ms < QUICK_MS, `it took ${ms.toFixed(0)} ms`)
  const now = await api.get<InstallationDetail>(path, { atLeast: done.position })
  check(now.version === OLDER, `the read model shows ${now.version}`)
  return `${tour.newest} → ${OLDER} in ${ms.toFixed(0)} ms`
}

async function lookBack(tour: Tour): Promise<string> {
  type Then = {
    readonly installation: { readonly version: string; readonly status: string }
    readonly events: readonly unknown[]
  }
  const then = await tour.api.get<Then>(`/v1/audit/installations/${idOf(tour)}`, {
    at: tour.beforeUpdate,
  })
  check(then.installation.version === OLDER, `it says ${then.installation.version}`)
  return `at ${tour.beforeUpdate}: ${then.installation.version}, ${then.installation.status}, after ${then.events.length} events`
}

async function audit({ api }: Tour): Promise<string> {
  const { identical, readModels } = await verify(api, () => {})
  const wrong = readModels.filter(({ verdict }) => verdict !== 'identical')
  check(identical, `not identical: ${wrong.map(({ readModel }) => readModel).join(', ')}`)
  const rows = readModels.flatMap(({ tables }) => tables).reduce((sum, each) => sum + each.rows, 0)
  return `${readModels.length} read models, ${rows} rows, all as the log says`
}

function idOf({ installation }: Tour): string {
  check(installation !== undefined, 'nothing is installed')
  return installation.installationId
}
