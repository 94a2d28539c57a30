import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { v4 as randomUuid } from 'uuid'
import { createRunClaims } from '../../infra/workflows/run-claims.ts'
import { createRunWaits } from '../../infra/workflows/run-waits.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { keepWaits } from '../../services/workflows/keeper.ts'
import { createPerform } from '../../services/workflows/perform.ts'
import { createPrograms } from '../../services/workflows/programs.ts'
import { Drives } from '../../services/workflows/reactor.ts'
import { startRun } from '../../services/workflows/start-run.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { applied, effects, standing, WORKFLOW_OWNER } from '../../test/support/workflow-parts.ts'
import { workflow } from '../../test/support/workflow-run.ts'
import { alternately, type Measurement, measurement, ratePerSecond } from './measure.ts'
import { BENCH_CONTEXT, type Stage, usageEvent } from './stage.ts'

const ROUNDS = 3
const WRITERS = 64
const RUNS = 200
const CALLS = 10
/** Of a run: the loop, its calls and what is set before each of them. */
const STEPS = 1 + 2 * CALLS
const WAITING = 10_000
const WAITING_LIMIT_MB = 100

const { tenantId } = BENCH_CONTEXT
const wanted = {
  owner: WORKFLOW_OWNER,
  trigger: 'request',
  namespace: 'test',
  name: 'example',
} as const

const expression = (jq: string) => `\${ ${jq} }`

/** What drives runs, in this process, on a log of its own; calls cost nothing. */
async function engine(stage: Stage, tasks: unknown) {
  const { pool, store: events } = await stage.database()
  const programs = createPrograms(events)
  const shared = { events, programs, now: () => new Date(), logger: silent, metrics: noMetrics }
  await applied(events, workflow(tasks), tenantId)
  const perform = createPerform({
    ...shared,
    standing,
    calls: new Map(),
    commands: effects().commands(),
  })
  const claims = createRunClaims(pool)
  const never = new AbortController().signal
  const drives = new Drives({ ...shared, claims, perform, random: Math.random }, never)
  return { pool, events, shared, claims, drives }
}

/**
 * Steps of runs a second whose outcome is in the log, each call with an append of its own. The limit
 * is the rate of appends of one event by as many writers.
 */
export async function benchWorkflowSteps(stage: Stage): Promise<Measurement> {
  const body = [
    { note: { set: { n: expression('$index') } } },
    { act: { call: 'one', with: { n: expression('.n') } } },
  ]
  const loop = { for: { in: `[range(${CALLS})]` }, do: body }
  const { claims, drives, events, shared } = await engine(stage, [{ loop }])
  const { value, limit } = await alternately(
    ROUNDS,
    async () => {
      const rate = await ratePerSecond(WRITERS, RUNS, async () => {
        const { runId } = await startRun(shared, { ...wanted, input: {} }, BENCH_CONTEXT)
        await drives.drive({ tenantId, runId })
      })
      return rate * STEPS
    },
    () =>
      ratePerSecond(WRITERS, RUNS * CALLS, (writer, index) => {
        const stream = `usage-${tenantId}.bench-${writer}`
        return events.append(stream, [usageEvent(randomUuid(), index)], 'any', BENCH_CONTEXT)
      }),
  )
  await claims[Symbol.asyncDispose]()
  return measurement('workflow.steps', value, 'steps/s', limit)
}

/** Memory of a process with 10,000 runs that wait for a time and an event. The limit is what it may have. */
export async function benchWorkflowWaiting(stage: Stage): Promise<Measurement> {
  const { claims, drives, pool, shared } = await engine(stage, [
    {
      both: {
        fork: {
          branches: [
            { time: { wait: 'PT1H' } },
            { event: { listen: { to: { one: { with: { type: 'custom.Never' } } } } } },
          ],
        },
      },
    },
  ])
  const stop = new AbortController()
  const waits = createRunWaits(pool)
  const keeping = keepWaits(
    { ...shared, log: shared.events, waits, standing, hold: (signal, work) => work(signal) },
    stop.signal,
  )
  const before = used()
  await ratePerSecond(WRITERS, WAITING, async () => {
    const { runId } = await startRun(shared, { ...wanted, input: {} }, BENCH_CONTEXT)
    await drives.drive({ tenantId, runId })
  })
  await waitFor(
    'all of them to wait',
    async () => (await waits.listeners(tenantId, 'custom.Never')).length === WAITING,
    60_000,
  )
  const value = (used() - before) / 1024 / 1024
  stop.abort()
  await keeping
  await claims[Symbol.asyncDispose]()
  return measurement('workflow.waiting', value, 'MB', WAITING_LIMIT_MB)
}

function used(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
