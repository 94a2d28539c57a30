import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { type Appended, EventStoreUnavailableError } from '../../../services/ports/event-store.ts'
import type { Logger } from '../../../services/ports/logger.ts'
import type { Metrics } from '../../../services/ports/metrics.ts'
import type { EncodedEvent } from '../codec.ts'
import { isTransient, isUniqueViolation, refusal, unavailable } from './connection-errors.ts'
import {
  type AppendDecision,
  type AppendPlan,
  type AppendRequest,
  decideAppends,
  decideUnasked,
  type LogState,
} from './decide-appends.ts'
import type { LogWriter, NewRow } from './log-writer.ts'

/** Bounds of one transaction; a single larger append still goes through, alone. */
const MAX_BATCH_EVENTS = 2_000
const MAX_BATCH_BYTES = 16 * 1_048_576
/** After this long with the lock, appenders of other processes get a turn. */
const MAX_TURN_MS = 50
/** Waits between attempts; after the last one the store counts as unavailable. */
const BACKOFF_MS = [10, 50, 250, 1_000]

export type EncodedAppend = AppendRequest & { readonly events: readonly EncodedEvent[] }

type Pending = EncodedAppend & {
  readonly bytes: number
  readonly settle: (outcome: Appended | Error) => void
  /** The caller gave up waiting. */
  abandoned: boolean
}

export type AppenderDeps = {
  readonly connect: () => Promise<LogWriter>
  /** How long one caller waits. */
  readonly timeoutMs: number
  readonly logger: Logger
  readonly metrics: Metrics
}

/**
 * Group commit: whatever the process's callers want to append while one transaction is on its
 * way goes into the next, so they share its round trips and its disk flush.
 *
 * An attempt whose outcome is unknown is made again with the original expectation; event ids
 * make that safe.
 */
export class Appender {
  readonly #deps: AppenderDeps
  readonly #queue: Pending[] = []
  #writer: LogWriter | undefined
  #turnStartedAt = 0
  /** What the turn's own appends tell of the log; while this process holds the lock, nobody else appends. */
  #known: Pick<LogState, 'head' | 'revisions'> | undefined
  #draining: Promise<void> | undefined
  #closed = false

  constructor(deps: AppenderDeps) {
    this.#deps = deps
  }

  /**
   * @throws {InvalidEventError} when Postgres does not take the data.
   * @throws {RevisionConflictError}
   * @throws {EventIdConflictError}
   * @throws {EventStoreUnavailableError} the outcome is then unknown: repeating the append tells.
   */
  append(append: EncodedAppend): Promise<Appended> {
    if (this.#closed) return Promise.reject(new EventStoreUnavailableError('The store is closed.'))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        pending.abandoned = true
        reject(unavailable(`no answer within ${this.#deps.timeoutMs} ms`))
      }, this.#deps.timeoutMs)
      const pending: Pending = {
        ...append,
        bytes: append.events.reduce(
          (sum, { data, metadata }) => sum + data.length + metadata.length,
          0,
        ),
        abandoned: false,
        settle(outcome) {
          clearTimeout(timer)
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        },
      }
      this.#queue.push(pending)
      this.#draining ??= this.#drain()
    })
  }

  /** Waits for the appends under way. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#draining
    this.#writer?.close()
    this.#writer = undefined
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#commit(this.#takeBatch())
      // Callers that were just answered append again before the next batch is taken.
      await nextTurn()
      const turnIsOver = performance.now() - this.#turnStartedAt > MAX_TURN_MS
      if (turnIsOver || this.#queue.length === 0) await this.#endTurn()
    }
    this.#draining = undefined
  }

  #takeBatch(): Pending[] {
    let events = 0
    let bytes = 0
    const end = this.#queue.findIndex((pending, index) => {
      events += pending.events.length
      bytes += pending.bytes
      return index > 0 && (events > MAX_BATCH_EVENTS || bytes > MAX_BATCH_BYTES)
    })
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end)
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const waiting = batch.filter(({ abandoned }) => !abandoned)
      if (waiting.length === 0) return
      try {
        return await this.#attempt(waiting)
      } catch (error) {
        this.#dropWriter()
        if (!isTransient(error)) return this.#commitEach(waiting, error)
        const backoffMs = BACKOFF_MS[attempt]
        this.#deps.logger.warn({ err: error, attempt, appends: waiting.length }, 'append failed')
        if (backoffMs === undefined) return this.#giveUp(waiting, error)
        await delay(backoffMs)
      }
    }
  }

  async #attempt(batch: readonly Pending[]): Promise<void> {
    const startedAt = performance.now()
    const writer = await this.#startTurn()
    const unasked = this.#known === undefined ? undefined : decideUnasked(this.#known, batch)
    const plan =
      unasked !== undefined && (await this.#tryWrite(writer, batch, unasked))
        ? unasked
        : await this.#askAndWrite(writer, batch)
    const written = plan.decisions.reduce(
      (sum, { outcome }, index) =>
        sum + (outcome === 'write' ? (batch[index]?.ids.length ?? 0) : 0),
      0,
    )
    if (written > 0) this.#deps.metrics.appended(written, (performance.now() - startedAt) / 1_000)
    batch.forEach((pending, index) => {
      const decision = plan.decisions[index]
      if (decision !== undefined) pending.settle(outcomeOf(pending, decision))
    })
  }

  async #askAndWrite(writer: LogWriter, batch: readonly Pending[]): Promise<AppendPlan> {
    const log = await writer.prepare(batch)
    const revisions = new Map([...(this.#known?.revisions ?? []), ...log.revisions])
    const plan = decideAppends({ ...log, revisions }, batch)
    await this.#write(writer, batch, plan)
    return plan
  }

  /** @returns false when nothing was written because an id, or a stream expected to be absent, exists. */
  async #tryWrite(writer: LogWriter, batch: readonly Pending[], plan: AppendPlan) {
    try {
      await this.#write(writer, batch, plan)
      return true
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      return false
    }
  }

  async #write(writer: LogWriter, batch: readonly Pending[], plan: AppendPlan): Promise<void> {
    const rows = batch.flatMap((pending, index) => rowsOf(pending, plan.decisions[index]))
    const head = plan.after.head - BigInt(rows.length)
    if (rows.length > 0) await writer.write(head, rows)
    this.#known = plan.after
  }

  async #startTurn(): Promise<LogWriter> {
    this.#writer ??= await this.#deps.connect()
    if (this.#turnStartedAt === 0) this.#turnStartedAt = performance.now()
    return this.#writer
  }

  async #endTurn(): Promise<void> {
    this.#turnStartedAt = 0
    this.#known = undefined
    try {
      await this.#writer?.release()
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'appending connection lost')
      this.#dropWriter()
    }
  }

  #dropWriter(): void {
    this.#writer?.close()
    this.#writer = undefined
    this.#turnStartedAt = 0
    this.#known = undefined
  }

  /** What Postgres refuses for one append must not fail the others of its batch. */
  async #commitEach(batch: readonly Pending[], error: unknown): Promise<void> {
    if (batch.length > 1) for (const pending of batch) await this.#commit([pending])
    else batch[0]?.settle(refusal(error))
  }

  /** Those that wait in the queue would only wait as long for the same answer. */
  #giveUp(batch: readonly Pending[], cause: unknown): void {
    const error = unavailable(cause)
    for (const pending of [...batch, ...this.#queue.splice(0)]) pending.settle(error)
  }
}

function rowsOf(pending: Pending, decision: AppendDecision | undefined): NewRow[] {
  if (decision?.outcome !== 'write') return []
  return pending.events.map((event, index) => ({
    ...event,
    stream: pending.stream,
    revision: decision.revision + BigInt(index),
  }))
}

function outcomeOf(pending: Pending, decision: AppendDecision): Appended | Error {
  switch (decision.outcome) {
    case 'write': {
      const last = BigInt(pending.events.length - 1)
      return { revision: decision.revision + last, position: decision.position + last }
    }
    case 'repeat':
      return decision.appended
    case 'refuse':
      return decision.error
  }
}
