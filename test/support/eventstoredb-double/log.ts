import { EventEmitter } from 'node:events'
import { type Existing, idempotency, KnownIds } from './idempotency.ts'

/** Revision of the event that a tombstone leaves, and the `$tb` of a soft delete: the largest int64. */
export const LARGEST_REVISION = 9_223_372_036_854_775_807n

export type Expectation = bigint | 'any' | 'no_stream' | 'stream_exists'

export type ProposedEvent = {
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

export type StoredEvent = ProposedEvent & {
  readonly stream: string
  readonly revision: bigint
  readonly position: bigint
  readonly createdMs: number
}

export type Failure =
  | { readonly kind: 'wrong-expected-version'; readonly actual: bigint | 'no_stream' }
  | { readonly kind: 'stream-deleted' }

/** `position` is undefined when the repeated event cannot be read any more. */
export type AppendOutcome =
  | Failure
  | { readonly kind: 'appended'; readonly revision: bigint; readonly position: bigint | undefined }

export type DeleteOutcome = Failure | { readonly kind: 'deleted'; readonly position: bigint }

export type StreamReading =
  | { readonly kind: 'not-found' }
  | { readonly kind: 'stream-deleted' }
  | { readonly kind: 'found'; readonly events: readonly StoredEvent[] }

type Stream = { readonly events: StoredEvent[]; tombstoned: boolean }
type Retention = { readonly $tb?: number; readonly $maxCount?: number; readonly $maxAge?: number }

/** What the server remembers: every event in log order, and the table of ids that a restart empties. */
export class Log extends EventEmitter<{ appended: [] }> {
  readonly all: StoredEvent[] = []
  readonly #streams = new Map<string, Stream>()
  readonly #known = new KnownIds()
  #end = 0n

  constructor() {
    super()
    this.setMaxListeners(0)
    this.#write('$$$scavenges', [systemEvent('$metadata', '{"$maxAge":2592000}')])
  }

  /** Position right behind the last record. */
  get end(): bigint {
    return this.#end
  }

  /** The bounded table of ids lives in the server's memory only. */
  forgetIds(): void {
    this.#known.clear()
  }

  /** As if that many events had been appended to other streams. */
  fill(events: number): void {
    for (let written = 0; written < events; written += 1)
      this.#write(`filling-${written % 1_000}`, [systemEvent('Filling', '{}')])
  }

  append(
    name: string,
    proposed: readonly ProposedEvent[],
    expectation: Expectation,
  ): AppendOutcome {
    const stream = this.#streams.get(name)
    if (stream?.tombstoned) return { kind: 'stream-deleted' }
    const verdict = idempotency(this.#existing(name), proposed, expectation, this.#known)
    if (verdict.kind === 'repeated') {
      const repeated = stream?.events[Number(verdict.revision)]
      const readable = repeated !== undefined && this.isReadable(repeated)
      const position = readable ? repeated.position : undefined
      return { kind: 'appended', revision: verdict.revision, position }
    }
    if (verdict.kind !== 'write') return verdict
    if (this.#softDeleted(name)) this.#truncateBefore(name, BigInt(stream?.events.length ?? 0))
    const last = this.#write(name, proposed)
    return { kind: 'appended', revision: last.revision, position: last.position }
  }

  delete(name: string, expectation: Expectation): DeleteOutcome {
    const refused = this.#refusesDelete(name, expectation, !this.#streams.has(name))
    if (refused !== undefined) return refused
    return { kind: 'deleted', position: this.#truncateBefore(name, LARGEST_REVISION) }
  }

  tombstone(name: string, expectation: Expectation): DeleteOutcome {
    if (expectation === 'stream_exists' && this.#softDeleted(name))
      return { kind: 'stream-deleted' }
    const absent = !this.#streams.has(name)
    const wanted = typeof expectation === 'bigint' || expectation === 'stream_exists'
    const refused = this.#refusesDelete(name, expectation, absent && wanted)
    if (refused !== undefined) return refused
    const stored = this.#place(name, systemEvent('$streamDeleted', '{}'), LARGEST_REVISION)
    this.#stream(name).tombstoned = true
    this.emit('appended')
    return { kind: 'deleted', position: stored.position }
  }

  read(name: string): StreamReading {
    const stream = this.#streams.get(name)
    if (stream?.tombstoned) return { kind: 'stream-deleted' }
    if (stream === undefined || stream.events.length === 0 || this.#softDeleted(name))
      return { kind: 'not-found' }
    const { first, oldestMs } = this.#bounds(name)
    const events = stream.events.slice(first)
    return { kind: 'found', events: events.filter((each) => each.createdMs >= oldestMs) }
  }

  /** False for what is truncated, aged out or soft-deleted: still in the log, in no stream read. */
  isReadable(event: StoredEvent): boolean {
    const { first, oldestMs } = this.#bounds(event.stream)
    return event.revision >= first && event.createdMs >= oldestMs
  }

  /** Index in `all` of the first event at `position` or after it. */
  indexAt(position: bigint): number {
    let [low, high] = [0, this.all.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.all[middle]?.position ?? position) < position) low = middle + 1
      else high = middle
    }
    return low
  }

  #existing(name: string): Existing {
    return {
      stream: name,
      ids: (this.#streams.get(name)?.events ?? []).map(({ id }) => id),
      hasMetadata: this.#streams.has(`$$${name}`),
      softDeleted: this.#softDeleted(name),
    }
  }

  #refusesDelete(name: string, expectation: Expectation, absent: boolean): Failure | undefined {
    const stream = this.#streams.get(name)
    if (stream?.tombstoned) return { kind: 'stream-deleted' }
    const last = BigInt(stream?.events.length ?? 0) - 1n
    const fits =
      !absent &&
      (expectation === 'any' ||
        expectation === last ||
        (expectation === 'no_stream' && (last < 0n || this.#softDeleted(name))) ||
        (expectation === 'stream_exists' && last >= 0n))
    return fits ? undefined : { kind: 'wrong-expected-version', actual: last }
  }

  #bounds(name: string): { readonly first: number; readonly oldestMs: number } {
    const { $tb = 0, $maxCount = Number.POSITIVE_INFINITY, $maxAge } = this.#retention(name)
    const length = this.#streams.get(name)?.events.length ?? 0
    return {
      first: Math.max($tb, length - $maxCount, 0),
      oldestMs: $maxAge === undefined ? 0 : Date.now() - $maxAge * 1_000,
    }
  }

  #retention(name: string): Retention {
    const latest = this.#streams.get(`$$${name}`)?.events.at(-1)
    return latest === undefined ? {} : JSON.parse(Buffer.from(latest.data).toString('utf8'))
  }

  #softDeleted(name: string): boolean {
    return BigInt(this.#retention(name).$tb ?? 0) >= LARGEST_REVISION
  }

  #truncateBefore(name: string, revision: bigint): bigint {
    return this.#write(`$$${name}`, [systemEvent('$metadata', `{"$tb":${revision}}`)]).position
  }

  #write(name: string, proposed: readonly ProposedEvent[]): StoredEvent {
    const stream = this.#stream(name)
    for (const event of proposed) {
      const stored = this.#place(name, event, BigInt(stream.events.length))
      stream.events.push(stored)
      this.#known.add(event.id, { stream: name, revision: stored.revision })
    }
    this.emit('appended')
    const last = stream.events.at(-1)
    if (last === undefined) throw new RangeError('Nothing to write.')
    return last
  }

  /** As in a real log, an event's position is where its record begins: steps vary with its size. */
  #place(stream: string, event: ProposedEvent, revision: bigint): StoredEvent {
    const position = this.#end
    this.#end += BigInt(97 + stream.length + event.data.length + event.metadata.length)
    const stored = { ...event, stream, revision, position, createdMs: Date.now() }
    this.all.push(stored)
    return stored
  }

  #stream(name: string): Stream {
    const known = this.#streams.get(name)
    if (known !== undefined) return known
    const created = { events: [], tombstoned: false }
    this.#streams.set(name, created)
    return created
  }
}

function systemEvent(type: string, json: string): ProposedEvent {
  return {
    id: crypto.randomUUID(),
    type,
    contentType: 'application/json',
    data: Buffer.from(json),
    metadata: new Uint8Array(),
  }
}
