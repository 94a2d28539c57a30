import type { EventStore, FeedBatch, Position } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import { EventMessage } from './event-message.ts'
import { isSelected } from './event-query.ts'
import type { FeedClient, FeedEnd } from './feed-client.ts'
import { LogFollower } from './log-follower.ts'
import type { RecentEvents } from './recent-events.ts'

export type FeedTiming = {
  /** A sign of life this often tells both ends that the other is there. */
  readonly heartbeatMs: number
  /** A client that takes nothing for this long is dropped; it resumes where it was. */
  readonly stallMs: number
  /** Then the feed ends, so that the client's key is checked again when it reconnects. */
  readonly maxDurationMs: number
}

export const FEED_TIMING: FeedTiming = {
  heartbeatMs: 15_000,
  stallMs: 30_000,
  maxDurationMs: 600_000,
}

/** A client that leaves more than this waiting while events come is dropped. */
const MAX_WAITING_BYTES = 1024 * 1024
/** A client that catches up is sent no more while it leaves this waiting. */
const PAUSE_BYTES = 64 * 1024
const OLDER_BATCH = 100
/** Clients that read the store at the same time; the others wait. */
const MAX_READING = 16
/** Parts of a heartbeat, so that not all clients are written to at once. */
const SLICES = 16

type Member = {
  readonly client: FeedClient
  readonly slice: number
  readonly renewAt: number
  /** Everything up to here was sent or is not for it. */
  after: Position
  /** What the client could resume after. */
  told: Position
  slowSince: number | undefined
  live: boolean
}

export type EventFeedDeps = {
  readonly store: EventStore
  readonly logger: Logger
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal
  readonly timing?: FeedTiming
}

/**
 * The log for many clients at once. One follower for all of them: a client that waits costs its
 * connection and no query. It first reads from the store what it missed, at its own pace, then
 * what is still in memory, and is live from the moment at which nothing is left.
 */
export class EventFeed {
  readonly #deps: EventFeedDeps
  readonly #timing: FeedTiming
  readonly #follower: LogFollower
  readonly #members = new Set<Member>()
  readonly #live = new Map<string, Set<Member>>()
  readonly #waitingToRead: (() => void)[] = []
  #reading = 0
  #slice = 0
  #recent: RecentEvents | undefined
  #beats: NodeJS.Timeout | undefined

  constructor(deps: EventFeedDeps) {
    this.#deps = deps
    this.#follower = new LogFollower({
      ...deps,
      onEvent: (message) => this.#deliver(message),
      onLost: () => this.#endAll('broken'),
    })
    this.#timing = deps.timing ?? FEED_TIMING
    deps.stopping.addEventListener('abort', () => this.#endAll('stopping'), { once: true })
  }

  /** Sends every event after `after` that passes the client's filter, once and in order, until it is closed. */
  async serve(client: FeedClient, after: Position): Promise<void> {
    const member = this.#join(client, after)
    try {
      if (this.#deps.stopping.aborted) client.end('stopping')
      else await this.#bringUp(member)
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'A client of the event feed is sent away.')
      client.end('broken')
    }
    await client.closed
    this.#leave(member)
  }

  #join(client: FeedClient, after: Position): Member {
    const { heartbeatMs, maxDurationMs } = this.#timing
    const member: Member = {
      ...{ client, after, told: after, slowSince: undefined, live: false },
      slice: this.#members.size % SLICES,
      // Those who came together do not all come back together.
      renewAt: performance.now() + maxDurationMs * (1 - Math.random() / 10),
    }
    this.#members.add(member)
    this.#beats ??= setInterval(() => this.#beat(), heartbeatMs / SLICES).unref()
    return member
  }

  #leave(member: Member): void {
    this.#members.delete(member)
    const tenantId = member.client.filter.tenantId ?? ''
    const live = this.#live.get(tenantId)
    live?.delete(member)
    if (live?.size === 0) this.#live.delete(tenantId)
    if (this.#members.size > 0) return
    clearInterval(this.#beats)
    this.#beats = undefined
    this.#follower.stop()
  }

  async #bringUp(member: Member): Promise<void> {
    const { client } = member
    const recent = await this.#follower.follow()
    this.#recent = recent
    while (client.isOpen) {
      await this.#untilRoom(member)
      if (member.after < recent.after) {
        await this.#sendOlder(member, recent)
        continue
      }
      const next = recent.next(member.after)
      if (next === undefined) return this.#goLive(member)
      this.#offer(member, next)
    }
  }

  /** Reads the store up to where memory goes on. */
  async #sendOlder(member: Member, recent: RecentEvents): Promise<void> {
    const { client } = member
    const leaving = new AbortController()
    void client.closed.then(() => leaving.abort())
    const batches = this.#deps.store
      .follow({
        ...client.filter,
        ...{ after: member.after, signal: leaving.signal, maxBatch: OLDER_BATCH },
      })
      [Symbol.asyncIterator]()
    try {
      while (client.isOpen && member.after < recent.after) {
        const { value, done } = await this.#inTurn(() => batches.next())
        if (done === true && client.isOpen) throw new Error('The event store was closed.')
        if (done !== true) await this.#sendBatch(member, value)
      }
    } finally {
      leaving.abort()
      await batches.return?.()
    }
  }

  async #sendBatch(member: Member, { events, through }: FeedBatch): Promise<void> {
    for (const event of events) {
      await this.#untilRoom(member)
      if (!member.client.isOpen) return
      this.#offer(member, new EventMessage(event))
    }
    member.after = through
    if (member.told === through) return
    member.client.reach(through)
    member.told = through
  }

  async #untilRoom(member: Member): Promise<void> {
    if (member.client.waiting <= PAUSE_BYTES) return
    await member.client.drained()
    member.slowSince = undefined
  }

  async #inTurn<Result>(read: () => Promise<Result>): Promise<Result> {
    if (this.#reading >= MAX_READING)
      await new Promise<void>((resolve) => this.#waitingToRead.push(resolve))
    this.#reading += 1
    try {
      return await read()
    } finally {
      this.#reading -= 1
      this.#waitingToRead.shift()?.()
    }
  }

  #goLive(member: Member): void {
    const tenantId = member.client.filter.tenantId ?? ''
    const live = this.#live.get(tenantId) ?? new Set()
    this.#live.set(tenantId, live.add(member))
    member.live = true
  }

  #offer(member: Member, message: EventMessage): void {
    if (message.position <= member.after) return
    member.after = message.position
    if (!isSelected(member.client.filter, message.event)) return
    member.client.send(message)
    member.told = message.position
  }

  #deliver(message: EventMessage): void {
    for (const member of this.#live.get(message.event.tenantId) ?? [])
      if (member.client.waiting > MAX_WAITING_BYTES) member.client.end('too-slow')
      else this.#offer(member, message)
  }

  #beat(): void {
    this.#slice = (this.#slice + 1) % SLICES
    const now = performance.now()
    for (const member of this.#members) if (member.slice === this.#slice) this.#check(member, now)
  }

  #check(member: Member, now: number): void {
    const { client, live, told } = member
    member.slowSince = client.waiting > PAUSE_BYTES ? (member.slowSince ?? now) : undefined
    if (now > member.renewAt) client.end('renew')
    else if (member.slowSince === undefined) {
      const through = this.#recent?.through ?? told
      const reached = live && told < through ? through : undefined
      client.beat(reached)
      member.told = reached ?? told
    } else if (now - member.slowSince > this.#timing.stallMs) client.end('too-slow')
  }

  #endAll(reason: FeedEnd): void {
    for (const { client } of this.#members) client.end(reason)
  }
}
