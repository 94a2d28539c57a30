import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { Type } from 'typebox'
import { parseAllDocuments } from 'yaml'
import { customStream } from '../../../domain/custom/custom-type.ts'
import { quarantineStream } from '../../../domain/gateway/quarantine.ts'
import { ToolLists } from '../../../services/gateway/tool-lists.ts'
import { platformCommand } from '../../../services/kernel/platform-command.ts'
import { silent } from '../../../services/ports/logger.ts'
import { listServers } from '../../support/catalogue-entry.ts'
import {
  installed,
  npmRuntime,
  plain,
  requested,
  updated,
} from '../../support/installation-events.ts'
import { read, recordCalls, ruleWorld } from '../../support/rule-world.ts'
import { waitFor } from '../../support/wait-for.ts'

// Every example that is shipped does what it says, on the events that it is about.

const FOLDER = path.resolve(import.meta.dirname, '../../../infra/examples/rules')
type Happened = { readonly type: string; readonly data: object }

/** What the installer was asked for, in order: installing takes packages that there are not here. */
const asked: { readonly name: string; readonly input: unknown }[] = []
const asking = (name: string) =>
  platformCommand({
    ...{ name, summary: name, access: 'installations:write' },
    parameters: Type.Object({ installationId: Type.String() }, { additionalProperties: true }),
    async perform(input, { tenantId }) {
      asked.push({ name, input })
      return { stream: `installation-${tenantId}.x`, position: 1n, result: {} }
    },
  })

const world = await ruleWorld(t, { commands: ['roll-back', 'update'].map(asking) })
world.start()
const tried = new Set<string>()

/** Applies an example's rules in a tenant of its own, and switches them on. @returns the tenant. */
async function apply(file: string): Promise<string> {
  tried.add(file)
  const tenantId = file.replace('.yaml', '')
  for (const name of ['UpdateHeld', 'TrustedRelease'])
    await world.send(
      ...(['POST', '/v1/custom-events/types', { name, schema: { type: 'object' } }] as const),
      { tenantId },
    )
  for (const document of parseAllDocuments(readFileSync(path.join(FOLDER, file), 'utf8')))
    await world.rule(document.toJS() as object, { tenantId })
  return tenantId
}

async function happen(tenantId: string, installationId: string, ...events: readonly Happened[]) {
  const recorded = events.map(({ type, data }) => ({
    ...{ id: randomUUID(), type, data: { ...data, installationId } },
  }))
  await world.store.append(`installation-${tenantId}.${installationId}`, recorded, 'any', {
    ...{ tenantId, actorId: 'a', correlationId: 'c', causationId: 'c' },
  })
}

const calls = (tenantId: string, installationId: string, count: number, outcome = 'ok') =>
  recordCalls(
    world.store,
    ...Array.from({ length: count }, () => ({ tenantId, installationId, outcome })),
  )

/** How many events of the tenant were evaluated, and how the last answer was. */
const verdicts = async (tenantId: string) =>
  (await world.evaluations(tenantId)).flatMap(({ data }) =>
    (data.rules as { verdict: string }[]).map(({ verdict }) => verdict),
  )

t.test('errors after an update roll it back, errors at another time do not', async (t) => {
  const tenantId = await apply('roll-back-on-errors.yaml')
  const [calm, updating] = [randomUUID(), randomUUID()]
  for (const installationId of [calm, updating])
    await happen(tenantId, installationId, requested('1.0.0'), installed('1.0.0'))
  const update = updated('1.0.0', '1.1.0', 2)
  const data = { ...update.data, updatedAt: new Date().toISOString() }
  await happen(tenantId, updating, { type: update.type, data })
  for (const installationId of [calm, updating]) {
    await calls(tenantId, installationId, 30)
    await calls(tenantId, installationId, 5, 'timeout')
  }
  await waitFor('it to be rolled back', () => asked.length > 0)
  t.same(asked.splice(0), [{ name: 'roll-back', input: { installationId: updating } }])
})

t.test('what can break waits for somebody, other updates begin by themselves', async (t) => {
  const tenantId = await apply('hold-major-updates.yaml')
  const [minor, major] = [randomUUID(), randomUUID()]
  const found = (available: string, breaking: boolean): Happened => ({
    type: 'UpdateFound',
    data: { current: '1.0.0', available, breaking, foundAt: new Date().toISOString() },
  })
  await happen(tenantId, major, found('2.0.0', true))
  await happen(tenantId, minor, found('1.1.0', false))
  await waitFor('the update', () => asked.length > 0)
  const held = await waitFor('the other one to be held', async () => {
    const events = await read(world.store, customStream(tenantId, 'UpdateHeld'))
    return events.length > 0 && events
  })
  t.match(
    held.map(({ data }) => data),
    [{ subject: major, data: { available: '2.0.0' } }],
  )
  t.same(asked.splice(0), [{ name: 'update', input: { installationId: minor, version: '1.1.0' } }])
})

t.test(
  'other tools behind the same version are a quarantine, behind another one they are not',
  async (t) => {
    const tenantId = await apply('quarantine-changed-tools.yaml')
    const lists = new ToolLists({ store: world.store, now: () => new Date(), logger: silent })
    const server = (installationId: string, version: string) => ({
      ...{ installationId, version, serverName: 'io.test/tiny', generation: 2 },
      ...{ runtime: npmRuntime(1), configuration: plain },
    })
    const [honest, changed] = [randomUUID(), randomUUID()]
    for (const installationId of [honest, changed])
      await happen(tenantId, installationId, requested('1.0.0'), installed('1.0.0'))
    const [a, b] = [{ name: 'a' }, { name: 'b', description: 'b' }]
    await lists.observe(tenantId, server(honest, '1.0.0'), { tools: [a, b] })
    await lists.observe(tenantId, server(honest, '1.0.0'), { tools: [{ ...b }, a] })
    await lists.observe(tenantId, server(honest, '1.1.0'), { tools: [a] })
    await lists.observe(tenantId, server(changed, '1.0.0'), { tools: [a, b] })
    await lists.observe(tenantId, server(changed, '1.0.0'), {
      tools: [a, { ...b, description: 'c' }],
    })
    const stream = quarantineStream(tenantId, changed)
    const [quarantined] = await waitFor('the quarantine', async () => {
      const events = await read(world.store, stream)
      return events.length > 0 && events
    })
    t.match(quarantined?.data, { cause: 'Its list of tools changed without another version.' })
    t.same(await verdicts(tenantId), ['not-matched', 'not-matched', 'not-matched', 'matched'])
  },
)

t.test('a release of a trusted publisher is told, others are not', async (t) => {
  const tenantId = await apply('trusted-releases.yaml')
  const server = { packages: [] }
  await listServers(
    world.store,
    { tenantId, name: 'io.somebody/tool', version: '1.0.0', server },
    { tenantId, name: 'com.example/tool', version: '2.0.0', server },
  )
  const told = await waitFor('it to be told', async () => {
    const events = await read(world.store, customStream(tenantId, 'TrustedRelease'))
    return events.length > 0 && events
  })
  t.match(
    told.map(({ data }) => data),
    [{ subject: 'com.example/tool', data: { server: 'com.example/tool', version: '2.0.0' } }],
  )
})

t.test('a server that is called too often is stopped', async (t) => {
  const tenantId = await apply('call-budget.yaml')
  const installationId = randomUUID()
  await happen(tenantId, installationId, requested('1.0.0'), installed('1.0.0'))
  await calls(tenantId, installationId, 1_000)
  await calls(tenantId, installationId, 2)
  const stopped = await waitFor('it to be stopped', async () => {
    const events = await read(world.store, quarantineStream(tenantId, installationId))
    return events.length > 0 && events
  })
  t.match(
    stopped.map(({ data }) => data),
    [{ untilLifted: true }],
    'once',
  )
})

t.test('there is no example that is not tried here', async (t) => {
  t.same(readdirSync(FOLDER).sort(), [...tried].sort())
})
