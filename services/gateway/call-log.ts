import { setTimeout as delay } from 'node:timers/promises'
import { v4 as randomUuid } from 'uuid'
import type { GatewayEvent } from '../../domain/gateway/events.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import {
  type EventStore,
  type ExpectedRevision,
  InvalidEventError,
  type NewEvent,
  RevisionConflictError,
} from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'

export type ToolCalled = Extract<GatewayEvent, { readonly type: 'ToolCalled' }>['data']
export type Caller = { readonly tenantId: string; readonly actorId: string }

export type UsageRecorderDeps = {
  readonly store: EventStore
  readonly logger: Logger
  /** How long a call waits for company, by default 50 ms. */
  readonly flushMs?: number
  /** So many are appended without waiting, by default 200; a group has at most five times as many. */
  readonly groupSize?: number
  /** Kept for one caller while the store is away, by default 20,000; then the newest are dropped and counted. */
  readonly maxWaiting?: number
}

/**
 * Tool calls on their way to the log, appended in groups. Disposing of it waits until all are
 * in the log, or until the store refuses once more.
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

const MAX_RETRY_MS = 5_000

class CallWriter {
  readonly #caller: Caller
  readonly #store: EventStore
  readonly #logger: Logger
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
    this.#flushMs = deps.flushMs ?? 50
    this.#groupSize = deps.groupSize ?? 200
    this.#maxWaiting = deps.maxWaiting ?? 20_000
    this.#stream = newStream(caller)
  }

  add(call: ToolCalled): void {
    if (this.#waiting.length >= this.#maxWaiting) {
      this.#dropped++
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
      this.#group ??= this.#waiting.slice(0, this.#groupSize * 5)
      if (await this.#append(this.#group)) {
        this.#waiting = this.#waiting.slice(this.#group.length)
        this.#group = undefined
        attempt = 0
      } else {
        if (this.#finishing.signal.aborted && attempt > 0) return
        await this.#pause(Math.min(MAX_RETRY_MS, 100 * 2 ** attempt))
        attempt++
      }
    }
    this.#reportDropped()
  }

  /** @returns false when the group is to be sent again. */
  async #append(group: readonly NewEvent[]): Promise<boolean> {
    const correlationId = group[0]?.id ?? ''
    const context = { ...this.#caller, correlationId, causationId: correlationId }
    try {
      const { revision } = await this.#store.append(this.#stream, group, this.#revision, context)
      this.#revision = revision
      return true
    } catch (error) {
      if (error instanceof InvalidEventError) {
        this.#logger.error({ error, calls: group.length }, 'Tool calls do not fit their schema')
        return true
      }
      this.#logger.warn({ error, calls: group.length }, 'Tool calls wait for the event store')
      if (error instanceof RevisionConflictError) {
        this.#stream = newStream(this.#caller)
        this.#revision = 'no-stream'
      }
      return false
    }
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

function newStream({ tenantId }: Caller): string {
  return streamName('calls', tenantId, randomUuid())
}
