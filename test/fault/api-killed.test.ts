import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startLoad } from '../support/faults/command-load.ts'
import { emptyLedger } from '../support/faults/ledger.ts'
import { everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import type { TidemarkProcess } from '../support/program.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

/** The bus has to have everything within 10 s of the next start; a busy machine gets three times as long. */
const PUBLISHED_WITHIN_MS = 3 * 10_000
/** What the commands append; what follows from them has the same correlation id. */
const ASKED = ['UsageTracked', 'InstallationRequested']
/** What is asked for is recorded, however busy the machine is. */
const ASKED_WITHIN_MS = 60_000
const SECONDS = 3 * 60
/** Nothing answers there: that an installation is asked for is all that matters here. */
const NO_REGISTRY = { npm_config_registry: 'http://127.0.0.1:9' }

timeForSeeds(2 * SECONDS)

const stage = await faultStage(t, { environment: NO_REGISTRY })
let program = await stage.start()

async function killAndStart(): Promise<void> {
  program.signal('SIGKILL')
  await program.exited
  stage.toBus.thaw()
  stage.toDatabase.thaw()
  program = await stage.start()
}

t.test('killed between an append and its publication, it publishes after its next start', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    let running: readonly TidemarkProcess[] = [program]
    const load = startLoad(t, random, () => running)
    await delay(random.integer(1_000))
    stage.toBus.freeze(random.pick(['requests', 'answers', undefined]))
    const before = load.ledger.acknowledged.length
    await waitFor(
      'commands that are not published',
      () => load.ledger.acknowledged.length > before + 20,
      ASKED_WITHIN_MS,
    )
    running = []
    await killAndStart()
    running = [program]
    const ledger = await load.stop()
    await stage.assertTruth(t, ledger, { withinMs: PUBLISHED_WITHIN_MS })
  }),
)

t.test(
  'killed between an append and its answer, a repeated command finds what it did',
  async (t) => {
    await waitFor('the starter catalogue', isListed, ASKED_WITHIN_MS)
    await killAndStart()
    await everySeed(t, SECONDS, async (t, random) => {
      const command = random.pick([trackUse, install])()
      const held = random.pick([heldByDatabase, heldOnItsWay])
      await held(t, command)
      const position = await waitFor('the append', () => positionOf(command.mark), ASKED_WITHIN_MS)
      await killAndStart()

      const again = await program.json<{ position: string }>(command.place, command.request)
      t.equal(again.position, position.toString(), 'the answer tells of the first time')
      const once = await program.json(command.place, command.request)
      t.same(once, again, 'as does every further one')
      t.same(await eventsOf(command.mark), [position], 'and the log has it once')
      await stage.assertTruth(t, emptyLedger(), { withinMs: PUBLISHED_WITHIN_MS })
    })
    await stage.assertNothingLeft(t, program)
  },
)

async function isListed(): Promise<boolean> {
  const { data } = await program.json<{ data: unknown[] }>('/v1/services/search?q=everything')
  return data.length > 0
}

type Command = {
  readonly place: string
  readonly request: { readonly body: unknown; readonly headers: Readonly<Record<string, string>> }
  /** Its correlation id, which is a part of its event. */
  readonly mark: string
}

function trackUse(): Command {
  return command('/v1/analytics/track', {
    ...{ serviceId: 'io.test/load', tool: 'any', durationMs: 1, outcome: 'ok' },
    occurredAt: new Date().toISOString(),
  })
}

function install(): Command {
  return command('/v1/installations', {
    server: 'io.github.modelcontextprotocol/server-everything',
    source: 'starter',
  })
}

function command(place: string, body: unknown): Command {
  const mark = randomUUID()
  const headers = { 'idempotency-key': randomUUID(), 'x-correlation-id': mark }
  return { place, request: { body, headers }, mark }
}

/** Postgres has committed, and the program never hears of it. */
async function heldByDatabase(_t: Test, { place, request, mark }: Command): Promise<void> {
  const sent = stage.toDatabase.holdAnswersTo(mark)
  void program.request(place, request).catch(() => {})
  await sent
}

/** The program has answered, and the client never hears of it. */
async function heldOnItsWay(t: Test, { place, request }: Command): Promise<void> {
  const toProgram = await tcpProxy(t, program.address)
  toProgram.freeze('answers')
  const { origin } = new URL(toProgram.urlOf(program.address))
  void program.request(place, { ...request, address: origin }).catch(() => {})
}

async function positionOf(mark: string): Promise<bigint | undefined> {
  return (await eventsOf(mark))[0]
}

async function eventsOf(mark: string): Promise<bigint[]> {
  const found: bigint[] = []
  for await (const { correlationId, position } of stage.store.readAll({ types: ASKED }))
    if (correlationId === mark) found.push(position)
  return found
}
