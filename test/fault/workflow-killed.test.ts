import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'nats'
import t from 'tap'
import { AT_LENGTH, everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import type { TidemarkProcess } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'

const RUNS = AT_LENGTH ? 20 : 5
const KILLS = AT_LENGTH ? 3 : 1
const MAX_LIFE_MS = 1_500
const STREAM = 'TIDEMARK'
const FAULTS = [
  ...['process killed', 'process killed', 'bus restarted'],
  ...['bus lost', 'everything delivered again'],
]
const SECONDS = 240

timeForSeeds(SECONDS)

const RUN_ID = `\${ $workflow.id }`

const tell = (step: string, metadata: object = {}) => ({
  emit: {
    event: {
      with: {
        ...{ type: 'custom.Step', source: 'https://example.org/test' },
        data: { step, run: RUN_ID },
      },
    },
  },
  metadata,
})

/** A fork, a timer, retries that are used up, and compensation at the end. */
const document = {
  document: { dsl: '1.0.3', namespace: 'test', name: 'killed', version: '1.0.0' },
  do: [
    { first: tell('first', { 'tidemark.compensate': tell('undo-first') }) },
    {
      both: {
        fork: {
          branches: [
            { left: tell('left', { 'tidemark.compensate': tell('undo-left') }) },
            {
              right: { do: [{ pause: { wait: { milliseconds: 300 } } }, { late: tell('right') }] },
            },
          ],
        },
      },
    },
    {
      safe: {
        try: [{ unknown: { call: 'lift-quarantine', with: { installationId: RUN_ID } } }],
        catch: {
          retry: { delay: { milliseconds: 200 }, limit: { attempt: { count: 2 } } },
          do: [{ caught: tell('caught') }],
        },
      },
    },
    { last: { raise: { error: { type: 'https://example.org/late', status: 500 } } } },
  ],
}

const STEPS = ['caught', 'first', 'left', 'right', 'undo-first', 'undo-left']
const TYPES = [
  ...['TimerFired', 'TimerFired', 'TimerFired'],
  ...['TaskRetryScheduled', 'TaskRetryScheduled'],
  ...['CompensationStarted', 'CompensationCompleted', 'RunFaulted'],
].sort()

t.test('runs end as undisturbed, whatever dies while they run', async (t) => {
  const stage = await faultStage(t)
  let program = await stage.start()
  const registered = { name: 'Step', schema: { type: 'object' } }
  await program.json('/v1/custom-events/types', { body: registered })
  await program.json('/v1/workflows', { body: document })

  await everySeed(t, SECONDS, async (t, random) => {
    const runs: string[] = []
    for (let index = 0; index < RUNS; index++) runs.push(await begin(program))
    for (let kill = 0; kill < KILLS; kill++) {
      await delay(random.integer(MAX_LIFE_MS))
      switch (FAULTS[random.integer(FAULTS.length)]) {
        case 'process killed':
          program.signal('SIGKILL')
          await program.exited
          program = await stage.start()
          break
        case 'bus restarted':
          await stage.nats.kill()
          await stage.nats.restart()
          break
        case 'bus lost':
          await stage.nats.wipe()
          break
        case 'everything delivered again':
          await deliverAgain(stage.nats.url)
      }
    }
    await waitFor(
      'every run to end',
      async () => (await Promise.all(runs.map((run) => statusOf(program, run)))).every(isOver),
      120_000,
    )
    const emitted = new Map<string, string[]>()
    for await (const { data } of stage.store.readAll({ types: ['CustomEventEmitted'] })) {
      const { run, step } = data.data as { run: string; step: string }
      emitted.set(run, [...(emitted.get(run) ?? []), step].sort())
    }
    for (const run of runs) {
      t.same(emitted.get(run), STEPS, `run ${run} did each of its steps once`)
      const told: string[] = []
      for await (const { type } of stage.store.readStream(`run-default.${run}`)) told.push(type)
      t.same(told.filter((type) => TYPES.includes(type)).sort(), TYPES)
    }
  })
})

/** Who drives runs has lost its place in the bus: each message comes again, whatever became of it. */
async function deliverAgain(url: string): Promise<void> {
  const connection = await connect({ servers: url })
  try {
    const { consumers } = await connection.jetstreamManager()
    for await (const { name } of consumers.list(STREAM))
      if (name.startsWith('workflows__')) await consumers.delete(STREAM, name)
  } finally {
    await connection.close()
  }
}

async function begin(program: TidemarkProcess): Promise<string> {
  const { runId } = await program.json('/v1/workflows/test.killed/runs', { body: {} })
  return String(runId)
}

async function statusOf(program: TidemarkProcess, run: string): Promise<string> {
  const { status } = await program.json(`/v1/workflow-runs/${run}`)
  return String(status)
}

function isOver(status: string): boolean {
  return ['completed', 'faulted', 'cancelled'].includes(status)
}
