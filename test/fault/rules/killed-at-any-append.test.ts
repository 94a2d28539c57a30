import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { customStream } from '../../../domain/custom/custom-type.ts'
import { nodeArguments } from '../../../infra/node-program.ts'
import { AT_LENGTH, everySeed, timeForSeeds } from '../../support/faults/seeds.ts'
import { read, recordCalls, ruleWorld } from '../../support/rule-world.ts'
import { waitFor } from '../../support/wait-for.ts'

const PROCESS = import.meta.resolve('../../support/rules-process.ts')
const CALLS = 3
const TYPES = ['First', 'Second']
/** The evaluations in one group, then a command and its outcome for each action. */
const APPENDS = 1 + CALLS * TYPES.length * 2
const SIDES = ['before', 'after'] as const

type Death = { readonly append: number; readonly side: (typeof SIDES)[number] }

timeForSeeds(60)

t.test('processes that die one after the other decide and do everything once', (t) =>
  everySeed(t, 60, async (t, random) => {
    const deaths = [2, 4].map((below) => ({
      append: 1 + random.integer(below),
      side: random.pick(SIDES),
    }))
    await survives(t, deaths)
  }),
)

t.test('whichever append it dies at, on either side', { skip: !AT_LENGTH }, async (t) => {
  for (let append = 1; append <= APPENDS; append++)
    for (const side of SIDES) await survives(t, [{ append, side }])
})

async function survives(t: Test, deaths: readonly Death[]): Promise<void> {
  const world = await ruleWorld(t)
  for (const name of TYPES)
    await world.send('POST', '/v1/custom-events/types', { name, schema: { type: 'object' } })
  await world.rule({
    actions: TYPES.map((name) => ({
      ...{ kind: 'command', command: 'emit-custom-event' },
      parameters: { name, data: { of: { cel: 'event.id' } } },
    })),
  })
  const calls = await recordCalls(
    world.store,
    ...Array.from({ length: CALLS }, () => ({ installationId: randomUUID() })),
  )
  for (const { append, side } of deaths) {
    const args = nodeArguments(PROCESS, world.appUrl, String(append), side)
    const child = spawn(process.execPath, args, { stdio: 'inherit' })
    const [, signal] = await once(child, 'exit')
    t.equal(signal, 'SIGKILL', `died ${side} append ${append}`)
  }
  world.start()
  const outcomes = await world.acted(CALLS * TYPES.length)
  await waitFor('nothing to be owed', async () => {
    const { rows } = await world.pool.query('select revision from ops.rule_actions_from')
    return rows[0]?.revision === BigInt(CALLS)
  })
  const evaluations = await world.evaluations()
  t.same(
    evaluations.map(({ data }) => data.eventId),
    calls,
    'each event is evaluated once',
  )
  for (const name of TYPES) {
    const emitted = await read(world.store, customStream('acme', name))
    t.same(
      emitted.map(({ data }) => (data.data as { of: string }).of).sort(),
      [...calls].sort(),
      `each command took effect once: ${name}`,
    )
  }
  t.same(
    outcomes.map(({ stream, type, data }) => `${stream} ${type} ${data.index}`).sort(),
    evaluations
      .flatMap(({ eventId, data }) =>
        TYPES.map((_type, index) => {
          const [{ ruleId }] = data.rules as [{ ruleId: string }]
          return `firing-acme.${eventId}.${ruleId} RuleActionSucceeded ${index}`
        }),
      )
      .sort(),
    'and is recorded once',
  )
  await world.stop()
}
