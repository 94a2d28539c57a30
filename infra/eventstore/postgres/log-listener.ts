import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Position } from '../../../services/ports/event-store.ts'
import type { Logger } from '../../../services/ports/logger.ts'
import { withTimeout } from './connection-errors.ts'
import { LOG_CHANNEL } from './log-writer.ts'

const RECONNECT_MS = 500
const CONNECT_TIMEOUT_MS = 5_000

/**
 * One connection for all followers of a process, which hears of every commit. A notification
 * is only a hint that saves time: followers also look by themselves now and then.
 */
export class LogListener {
  readonly #config: pg.ClientConfig
  readonly #logger: Logger
  readonly #connected: () => void
  readonly #waiting = new Set<() => void>()
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #head: Position = 0n

  /** @param connected is called when it begins to listen, again after each loss. */
  constructor(config: pg.ClientConfig, logger: Logger, connected: () => void) {
    this.#config = config
    this.#logger = logger
    this.#connected = connected
  }

  /** Highest position heard of; all up to it is committed. */
  get head(): Position {
    return this.#head
  }

  get closed(): boolean {
    return this.#stop.signal.aborted
  }

  /** Resolves when a commit beyond `position` is heard of, or it is time to look, or `signal` aborts. */
  async waitBeyond(position: Position, timeoutMs: number, signal: AbortSignal): Promise<void> {
    this.#running ??= this.#run()
    if (this.#head > position || signal.aborted || this.closed) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake)
    })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#wakeAll()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.#listen(signal).catch((error) =>
        this.#logger.warn({ err: error }, 'log listener lost its connection'),
      )
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** Resolves or rejects when the connection is gone. */
  async #listen(signal: AbortSignal): Promise<void> {
    const client = new pg.Client(this.#config)
    let stop = () => {}
    const ended = new Promise<void>((resolve, reject) => {
      stop = resolve
      client.on('error', reject)
      client.on('end', resolve)
    })
    signal.addEventListener('abort', stop)
    // Reported below; until then nobody waits for it.
    ended.catch(() => {})
    client.on('notification', ({ payload }) => {
      const head = BigInt(payload ?? 0)
      if (head > this.#head) this.#head = head
      this.#wakeAll()
    })
    try {
      await withTimeout(client.connect(), CONNECT_TIMEOUT_MS)
      await withTimeout(client.query(`listen ${LOG_CHANNEL}`), CONNECT_TIMEOUT_MS)
      this.#connected()
      // Commits before this moment were not heard of.
      this.#wakeAll()
      await ended
    } finally {
      signal.removeEventListener('abort', stop)
      client.end().catch(() => {})
    }
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}
