import { setTimeout as delay } from 'node:timers/promises'
import { v4 as randomUuid } from 'uuid'
import type { GatewayEvent } from '../../domain/gateway/events.ts'
import { backoff } from '../../domain/kernel/backoff.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import {
  type EventStore,
  type ExpectedRevision,
  InvalidEventError,
  type NewEvent,
  RevisionConflictError,
} from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'

export type ToolCalled = Extract<GatewayEvent, { readonly type: 'ToolCalled' }>['data']
export type Caller = { readonly tenantId: string; readonly actorId: string }

export type UsageRecorderDeps = {
  readonly store: EventStore
  readonly logger: Logger
  readonly metrics: Pick<Metrics, 'callsLost'>
  /** How long a call waits for company, by default 50 ms. */
  readonly flushMs?: number
  /** So many are appended without waiting, by default 200; a group has at most five times as many. */
  readonly groupSize?: number
  /** Kept for one caller while the store is away, by default 20,000; then the newest are dropped and counted. */
  readonly maxWaiting?: number
}

/**
 * Tool calls on their way to the log, appended in groups. Disposing of it waits until all are
 * in the log, or until the store refuses once more; a process that is killed loses what waits.
 */
export type UsageRecorder = AsyncDisposable & {
  readonly record: (caller: Caller, call: ToolCalled) => void
}

/**
 * One stream for each caller of this process run: it has one writer, so its revision is known
 * without reading, and a group that is sent again carries the ids and the expectation that it
 * had before.
 */
export function createUsageRecorder(deps: UsageRecorderDeps): UsageRecorder {
  const writers = new Map<string, CallWriter>()
  return {
    record(caller, call) {
      const key = `${caller.tenantId}/${caller.actorId}`
      let writer = writers.get(key)
      if (writer === undefined) {
        writer = new CallWriter(caller, deps)
        writers.set(key, writer)
      }
      writer.add(call)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...writers.values()].map((writer) => writer.finish()))
    },
  }
}

const RETRY_MS = 100
const MAX_RETRY_MS = 5_000
/** What one append may carry. */
const MAX_GROUP_BYTES = 1_048_576

class CallWriter {
  readonly #caller: Caller
  readonly #store: EventStore
  readonly #logger: Logger
  readonly #metrics: UsageRecorderDeps['metrics']
  readonly #flushMs: number
  readonly #groupSize: number
  readonly #maxWaiting: number
  #stream: string
  #revision: ExpectedRevision = 'no-stream'
  #waiting: NewEvent[] = []
  /** The first of those that wait, as they were sent. */
  #group: readonly NewEvent[] | undefined
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  readonly #finishing = new AbortController()

  constructor(caller: Caller, deps: UsageRecorderDeps) {
    this.#caller = caller
    this.#store = deps.store
    this.#logger = deps.logger
    this.#metrics = deps.metrics
    this.#flushMs = deps.flushMs ?? 50
    this.#groupSize = deps.groupSize ?? 200
    this.#maxWaiting = deps.maxWaiting ?? 20_000
    this.#stream = newStream(caller)
  }

  add(call: ToolCalled): void {
    if (this.#waiting.length >= this.#maxWaiting) {
      this.#drop()
      return
    }
    this.#waiting.push({ id: randomUuid(), type: 'ToolCalled', data: call })
    if (this.#waiting.length >= this.#groupSize) this.#send()
    else this.#timer ??= setTimeout(() => this.#send(), this.#flushMs)
  }

  async finish(): Promise<void> {
    this.#finishing.abort()
    this.#send()
    await this.#sending
    this.#metrics.callsLost(this.#waiting.length)
    const lost = this.#waiting.length + this.#dropped
    if (lost > 0) this.#logger.error({ ...this.#caller, lost }, 'Tool calls were not recorded')
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined
    })
  }

  async #drain(): Promise<void> {
    let attempt = 0
    while (this.#waiting.length > 0) {
      // Until it is in the log the group stays as it is: one that has grown is no retry.
      this.#group ??= fitting(this.#waiting.slice(0, this.#groupSize * 5))
      const outcome = await this.#append(this.#group)
      if (outcome === 'unfit' && this.#group.length > 1) {
        // Nothing of it is in the log. The one that does not fit is found among fewer and fewer.
        this.#group = this.#group.slice(0, Math.ceil(this.#group.length / 2))
      } else if (outcome !== 'unavailable') {
        if (outcome === 'unfit') this.#drop()
        this.#waiting = this.#waiting.slice(this.#group.length)
        this.#group = undefined
        attempt = 0
      } else {
        if (this.#finishing.signal.aborted && attempt > 0) return
        await this.#pause(backoff(attempt, RETRY_MS, MAX_RETRY_MS))
        attempt++
      }
    }
    this.#reportDropped()
  }

  /** `unfit`: the store takes no such event, however often it is sent. */
  async #append(group: readonly NewEvent[]): Promise<'appended' | 'unfit' | 'unavailable'> {
    // Not the id of a call: it would be its own cause.
    const correlationId = randomUuid()
    const context = { ...this.#caller, correlationId, causationId: correlationId }
    try {
      const { revision } = await this.#store.append(this.#stream, group, this.#revision, context)
      this.#revision = revision
      return 'appended'
    } catch (error) {
      if (error instanceof InvalidEventError) {
        if (group.length === 1) this.#logger.error({ error }, 'A tool call does not fit its schema')
        return 'unfit'
      }
      this.#logger.warn({ error, calls: group.length }, 'Tool calls wait for the event store')
      if (error instanceof RevisionConflictError) {
        this.#stream = newStream(this.#caller)
        this.#revision = 'no-stream'
      }
      return 'unavailable'
    }
  }

  #drop(): void {
    this.#dropped++
    this.#metrics.callsLost(1)
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#finishing
    await delay(signal.aborted ? 100 : ms, undefined, signal.aborted ? {} : { signal }).catch(
      () => undefined,
    )
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return
    this.#logger.error({ ...this.#caller, lost: this.#dropped }, 'Tool calls were not recorded')
    this.#dropped = 0
  }
}

/** As many of the first as one append may carry; at least one. */
function fitting(calls: readonly NewEvent[]): readonly NewEvent[] {
  let bytes = 0
  const tooMany = calls.findIndex(({ data }, at) => {
    bytes += Buffer.byteLength(JSON.stringify(data))
    return at > 0 && bytes > MAX_GROUP_BYTES
  })
  return tooMany === -1 ? calls : calls.slice(0, tooMany)
}

function newStream({ tenantId }: Caller): string {
  return streamName('calls', tenantId, randomUuid())
}
