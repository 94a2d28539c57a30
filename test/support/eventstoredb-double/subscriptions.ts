import { randomUUID } from 'node:crypto'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { status } from '@grpc/grpc-js'
import { LARGEST_REVISION, type Log, type StoredEvent } from './log.ts'
import { indexInLog } from './reads.ts'
import type { Sender } from './sender.ts'
import { eventResponse, streamDeleted, streamNameOf, type WireError, wireError } from './wire.ts'

const DEFAULT_SEARCH_WINDOW = 32

/** A live subscriber that takes nothing falls this many events behind before it is dropped. */
const LIVE_BUFFER = 128

export const TOO_SLOW = wireError(
  status.ABORTED,
  'Consumer too slow to handle event while live. Client resubscription required.',
)

type Source = {
  /** Index in the log of the first event to look at. */
  readonly start: number
  readonly wants: (event: StoredEvent) => boolean
  /** Events of the log, matching or not, between two checkpoints; undefined = no checkpoints. */
  readonly checkpointEvery: number | undefined
  /** False as long as there is nothing to have caught up with. */
  readonly exists: () => boolean
  readonly endsAfter: (event: StoredEvent) => WireError | undefined
}

/** Catches up with the log, then follows it, until the subscriber goes or is dropped. */
export async function subscribe(
  log: Log,
  options: streams.ReadReq.Options,
  sender: Sender,
): Promise<void> {
  const source = options.hasStream() ? streamSource(log, options) : allSource(log, options)
  if ('code' in source) {
    sender.fail(source)
    return
  }
  await sender.send(confirmation())
  await new Subscription(log, source, sender).run()
}

class Subscription {
  readonly #log: Log
  readonly #source: Source
  readonly #sender: Sender
  #index: number
  #isLive = false

  constructor(log: Log, source: Source, sender: Sender) {
    this.#log = log
    this.#source = source
    this.#sender = sender
    this.#index = source.start
  }

  async run(): Promise<void> {
    const dropWhenSlow = () => this.#dropWhenSlow()
    this.#log.on('appended', dropWhenSlow)
    try {
      while (!this.#sender.isClosed) {
        const event = this.#log.all[this.#index]
        if (event === undefined) await this.#waitForMore()
        else await this.#pass(event)
      }
    } finally {
      this.#log.off('appended', dropWhenSlow)
    }
  }

  async #pass(event: StoredEvent): Promise<void> {
    const { wants, endsAfter, checkpointEvery, start } = this.#source
    if (wants(event)) await this.#sender.send(eventResponse(event))
    const error = endsAfter(event)
    if (error !== undefined) this.#sender.fail(error)
    this.#index += 1
    if (checkpointEvery !== undefined && (this.#index - start) % checkpointEvery === 0)
      await this.#sender.send(checkpoint(event.position))
  }

  async #waitForMore(): Promise<void> {
    if (!this.#isLive && this.#source.exists()) {
      this.#isLive = true
      await this.#sender.send(new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()))
    }
    if (this.#index === this.#log.all.length)
      await this.#sender.untilClosedOr(this.#log, 'appended')
  }

  #dropWhenSlow(): void {
    const behind = this.#log.all.length - this.#index
    if (this.#isLive && this.#sender.isFull && behind > LIVE_BUFFER) this.#sender.fail(TOO_SLOW)
  }
}

function allSource(log: Log, options: streams.ReadReq.Options): Source | WireError {
  const all = options.getAll()
  const index = indexInLog(log, all, 'subscription')
  if (typeof index !== 'number') return index
  const matches = matcher(options.getFilter())
  if (typeof matches !== 'function') return matches
  const isExclusive = all?.hasPosition() === true && index < log.all.length
  return {
    start: isExclusive ? index + 1 : index,
    wants: matches,
    checkpointEvery: searchWindow(options.getFilter()),
    exists: () => true,
    endsAfter: () => undefined,
  }
}

function streamSource(log: Log, options: streams.ReadReq.Options): Source | WireError {
  const stream = streamNameOf(options.getStream())
  const reading = log.read(stream)
  if (reading.kind === 'stream-deleted') return streamDeleted(stream)
  const from = options.getStream()
  const after = from?.hasRevision() ? BigInt(from.getRevision()) : -1n
  return {
    start: from?.hasEnd() ? log.all.length : 0,
    wants: (event) =>
      event.stream === stream &&
      event.revision > after &&
      (event.revision === LARGEST_REVISION || log.isReadable(event)),
    checkpointEvery: undefined,
    exists: () => log.read(stream).kind === 'found',
    endsAfter: (event) =>
      event.stream === stream && event.revision === LARGEST_REVISION
        ? streamDeleted(stream)
        : undefined,
  }
}

function matcher(
  filter: streams.ReadReq.Options.FilterOptions | undefined,
): ((event: StoredEvent) => boolean) | WireError {
  if (filter === undefined) return () => true
  const onStream = filter.hasStreamIdentifier()
  const expression = onStream ? filter.getStreamIdentifier() : filter.getEventType()
  const subject = (event: StoredEvent) => (onStream ? event.stream : event.type)
  const prefixes = expression?.getPrefixList() ?? []
  const regex = expression?.getRegex() ?? ''
  if (regex === '') return (event) => prefixes.some((prefix) => subject(event).startsWith(prefix))
  try {
    const compiled = new RegExp(regex)
    return (event) => compiled.test(subject(event))
  } catch {
    return wireError(status.UNKNOWN, 'Exception was thrown by handler.')
  }
}

function searchWindow(
  filter: streams.ReadReq.Options.FilterOptions | undefined,
): number | undefined {
  if (filter === undefined) return undefined
  const window = filter.hasMax() ? filter.getMax() : DEFAULT_SEARCH_WINDOW
  return window * filter.getCheckpointintervalmultiplier()
}

function confirmation(): streams.ReadResp {
  return new streams.ReadResp().setConfirmation(
    new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(randomUUID()),
  )
}

function checkpoint(position: bigint): streams.ReadResp {
  return new streams.ReadResp().setCheckpoint(
    new streams.ReadResp.Checkpoint()
      .setCommitPosition(String(position))
      .setPreparePosition(String(position)),
  )
}
