import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { Position } from '../../services/ports/event-store.ts'
import type { Awaited, ReadFreshness } from '../../services/ports/read-freshness.ts'
import { createReadDatabase } from '../postgres/pool.ts'
import { type Checkpoint, PROGRESS_CHANNEL, readCheckpoints } from './checkpoints.ts'
import { HeardPlaces } from './heard-places.ts'
import { LIVE_SCHEMA } from './live-schema.ts'

/** How long a wait goes on by what it hears before the checkpoints are looked at. */
const POLL_MS = 250
const RECONNECT_MS = 500

export type ReadFreshnessDeps = {
  /** For looking; its settings are used for a connection of our own that listens. */
  readonly pool: pg.Pool
  /** Other checkpoints, of read models that a program had before, say nothing. By default all count. */
  readonly readModels?: readonly AnyReadModel[]
  /** By default the live one. */
  readonly schema?: string
}

/** A read model as its checkpoint describes it; without one it has begun with nothing yet. */
type Place = {
  readonly name: string
  readonly position: Position
  /** Neither stopped nor are its rows those of an older version, which nobody advances. */
  readonly follows: boolean
}

type Look = readonly Place[]

/** Listens from the first wait on. */
export function createReadFreshness({
  pool,
  readModels,
  schema = LIVE_SCHEMA,
}: ReadFreshnessDeps): ReadFreshness & AsyncDisposable {
  const db = createReadDatabase<unknown>(pool)
  const look = async () => placesOf(await readCheckpoints(db, schema), readModels)
  return new PostgresReadFreshness(pool, look, new HeardPlaces(schema, readModels))
}

function placesOf(
  checkpoints: ReadonlyMap<string, Checkpoint>,
  readModels: readonly AnyReadModel[] | undefined,
): Look {
  const versions: [string, number][] =
    readModels === undefined
      ? [...checkpoints.keys()].map((name) => [name, 0])
      : readModels.map(({ name, version }) => [name, version])
  return versions.map(([name, version]) => {
    const checkpoint = checkpoints.get(name)
    if (checkpoint === undefined) return { name, position: 0n, follows: true }
    const { position, stopped } = checkpoint
    return { name, position, follows: stopped === null && checkpoint.version >= version }
  })
}

/** Position that each of those awaited has reached; 0n when there is none to await. */
function reachedBy(places: Look, awaited: Awaited): Position {
  const [first, ...rest] = places
    .filter(({ name, follows }) => {
      if (awaited === 'all') return true
      return awaited === 'following' ? follows : awaited.includes(name)
    })
    .map(({ position }) => position)
  return rest.reduce((low, each) => (each < low ? each : low), first ?? 0n)
}

class PostgresReadFreshness implements ReadFreshness, AsyncDisposable {
  readonly #pool: pg.Pool
  readonly #readPlaces: () => Promise<Look>
  readonly #heard: HeardPlaces
  readonly #stop = new AbortController()
  readonly #waiting = new Set<() => void>()
  #listening: Promise<void> | undefined
  #looking: Promise<Look> | undefined
  #heardSince = false

  constructor(pool: pg.Pool, readPlaces: () => Promise<Look>, heard: HeardPlaces) {
    this.#pool = pool
    this.#heard = heard
    this.#readPlaces = readPlaces
  }

  async reached(): Promise<Position> {
    return reachedBy(await this.#look(), 'all')
  }

  async standingStill(): Promise<readonly string[]> {
    return (await this.#look()).filter(({ follows }) => !follows).map(({ name }) => name)
  }

  /** Callers at the same time share one look, unless something was heard after it began. */
  async #look(): Promise<Look> {
    if (this.#looking !== undefined && !this.#heardSince) return await this.#looking
    this.#heardSince = false
    const looking = this.#readPlaces().finally(() => {
      if (this.#looking === looking) this.#looking = undefined
    })
    this.#looking = looking
    return await looking
  }

  async waitFor(position: Position, timeoutMs: number, awaited: Awaited = 'all'): Promise<boolean> {
    this.#listening ??= this.#listenForEver()
    const deadline = Date.now() + timeoutMs
    let lookAt = Date.now() + POLL_MS
    for (;;) {
      // Registered before looking, so that progress in between is not missed.
      const progress = this.#progress()
      try {
        const heard =
          Date.now() < Math.min(lookAt, deadline) ? this.#heard.reached(awaited) : undefined
        if (heard === undefined) lookAt = Date.now() + POLL_MS
        const reached = heard ?? reachedBy(await this.#look(), awaited)
        if (reached >= position) return true
        const now = Date.now()
        if (now >= deadline || this.#stop.signal.aborted) return false
        await progress.orAfter(Math.max(0, Math.min(deadline, lookAt) - now))
      } finally {
        progress.forget()
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#wakeAll()
    await this.#listening
  }

  #progress() {
    let wake = () => {}
    const told = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#waiting.add(wake)
    return {
      forget: () => this.#waiting.delete(wake),
      async orAfter(ms: number) {
        const timer = setTimeout(wake, ms)
        await told
        clearTimeout(timer)
      },
    }
  }

  #wakeAll(): void {
    this.#heardSince = true
    for (const wake of [...this.#waiting]) wake()
  }

  /** A lost connection only makes waiting coarser: the checkpoints are looked at by the clock. */
  async #listenForEver(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.#listen(signal).catch(() => {})
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => {})
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const client = new pg.Client(this.#pool.options)
    let end: () => void = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
      client.on('error', end)
      client.on('end', end)
    })
    signal.addEventListener('abort', end)
    client.on('notification', ({ payload }) => {
      if (this.#heard.hear(payload)) this.#wakeAll()
    })
    try {
      await client.connect()
      await client.query(`listen ${PROGRESS_CHANNEL}`)
      // What was told before this moment was not heard.
      this.#heard.forget()
      this.#wakeAll()
      await ended
    } finally {
      signal.removeEventListener('abort', end)
      client.end().catch(() => {})
    }
  }
}
