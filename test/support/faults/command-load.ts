import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { TidemarkProcess } from '../program.ts'
import { waitFor } from '../wait-for.ts'
import { emptyLedger, type Ledger } from './ledger.ts'
import type { Random } from './random.ts'

export const PER_SECOND = Number(process.env.FAULT_RATE ?? 100)
const TICK_MS = 20
/** More than this on their way, and the next ones wait, as they would for a connection. */
const MAX_UNDER_WAY = 64
const ANSWER_TIMEOUT_MS = 30_000
const RETRY_MS = 100
const SETTLE_MS = 60_000
/** A server is away: the client comes again. */
const COME_AGAIN = [503, 504]

/** A fault says which request it was, and nothing of the inside. */
const isTraceable = (problem: string) =>
  /"traceId":"[^"]+"/.test(problem) && !/\\n\s+at |\.ts:\d/.test(problem)

type Target = Pick<TidemarkProcess, 'request'>

export type CommandLoad = {
  readonly ledger: Ledger
  /** Sends no new command, and waits until every one that may be repeated is acknowledged. */
  readonly stop: () => Promise<Ledger>
}

/**
 * Clients that send commands all the time: uses with an idempotency key, which they repeat until
 * they are answered with success, and now and then a new API key, which they ask for once.
 *
 * @param t at whose teardown it ends at the latest.
 * @param targets the processes that commands may go to now.
 */
export function startLoad(
  t: { readonly teardown: (stop: () => void) => void },
  random: Random,
  targets: () => readonly Target[],
  { perSecond = PER_SECOND, mostUnderWay = MAX_UNDER_WAY } = {},
): CommandLoad {
  const ledger = emptyLedger()
  const underWay = new Set<Promise<void>>()
  let due = 0
  let stopped = false

  const timer = setInterval(() => {
    due = Math.min(due + (perSecond * TICK_MS) / 1_000, mostUnderWay)
    for (; due >= 1 && underWay.size < mostUnderWay; due -= 1) {
      const command = random.integer(20) === 0 ? issueKey() : trackUse()
      underWay.add(command)
      void command.finally(() => underWay.delete(command))
    }
  }, TICK_MS)

  async function trackUse(): Promise<void> {
    const mark = randomUUID()
    const body = { serviceId: 'io.test/load', tool: mark, durationMs: 1, outcome: 'ok' }
    const headers = { 'idempotency-key': mark }
    const deadline = () => (stopped ? performance.now() > settleBy : false)
    while (!deadline()) {
      if (await ask(mark, '/v1/analytics/track', { body, headers })) return
      await delay(RETRY_MS)
    }
    ledger.wrong.push(`${mark} was never acknowledged`)
  }

  async function issueKey(): Promise<void> {
    const mark = randomUUID()
    await ask(mark, '/v1/keys', { body: { name: mark, scopes: ['catalogue:read'] } })
  }

  /** @returns true when there is nothing to repeat. */
  async function ask(
    mark: string,
    place: string,
    { body, headers = {} }: { body: unknown; headers?: Readonly<Record<string, string>> },
  ): Promise<boolean> {
    const choice = targets()
    if (choice.length === 0) return false
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
    try {
      const answer = await random.pick(choice).request(place, { body, headers, signal })
      const text = await answer.text()
      count(String(answer.status))
      if (answer.ok) {
        ledger.acknowledged.push({ mark, position: BigInt(JSON.parse(text).position) })
        return true
      }
      const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json')
      const excused = COME_AGAIN.includes(answer.status) && answer.headers.has('retry-after')
      if (isProblem && excused && isTraceable(text)) return false
      ledger.wrong.push(`${place}: ${answer.status} ${text}`)
      return true
    } catch {
      count('none')
    }
    return false
  }

  function count(kind: string): void {
    ledger.answers.set(kind, (ledger.answers.get(kind) ?? 0) + 1)
  }

  let settleBy = Number.POSITIVE_INFINITY
  // A test that failed in between has not stopped it.
  t.teardown(() => {
    clearInterval(timer)
    stopped = true
    settleBy = 0
  })
  return {
    ledger,
    async stop() {
      clearInterval(timer)
      stopped = true
      settleBy = performance.now() + SETTLE_MS
      await waitFor('every command to be answered', () => underWay.size === 0, 2 * SETTLE_MS)
      return ledger
    },
  }
}
