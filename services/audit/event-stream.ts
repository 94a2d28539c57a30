import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { toCloudEvent } from '../kernel/cloud-event.ts'
import type { EventStore, FeedBatch, FollowOptions, RecordedEvent } from '../ports/event-store.ts'

export type StreamTiming = {
  /** A comment this often tells both ends that the other is there. */
  readonly heartbeatMs: number
  /** A reader that takes nothing for this long is dropped; it resumes where it was. */
  readonly stallMs: number
  /** Then the stream ends, so that the reader's key is checked again when it reconnects. */
  readonly maxDurationMs: number
}

export const STREAM_TIMING: StreamTiming = {
  heartbeatMs: 15_000,
  stallMs: 30_000,
  maxDurationMs: 600_000,
}

const RETRY_MS = 2_000

/**
 * Writes the log to a client as server-sent events, each with its position as `id`, until
 * `options.signal` aborts, the client leaves or stalls. Never holds more than one event that
 * the client has not taken.
 *
 * @throws {EventStoreUnavailableError} when the log cannot be followed any more.
 */
export async function streamEvents(
  store: EventStore,
  response: ServerResponse,
  options: FollowOptions,
  { heartbeatMs, stallMs, maxDurationMs }: StreamTiming,
): Promise<void> {
  const ending = new AbortController()
  const end = () => ending.abort()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const beat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': alive\n\n')
  }, heartbeatMs)
  const enough = setTimeout(end, maxDurationMs)
  response.once('close', end)
  try {
    await write(response, `retry: ${RETRY_MS}\n${idOf(options.after)}`, signal, stallMs)
    for await (const batch of store.follow({ ...options, signal }))
      await writeBatch(response, batch, signal, stallMs)
    response.end(`retry: ${RETRY_MS}\n\n`)
  } catch (error) {
    response.destroy()
    if (!signal.aborted) throw error
  } finally {
    clearInterval(beat)
    clearTimeout(enough)
    response.off('close', end)
    end()
  }
}

async function writeBatch(
  response: ServerResponse,
  { events, through }: FeedBatch,
  signal: AbortSignal,
  stallMs: number,
): Promise<void> {
  for (const event of events) {
    if (signal.aborted) return
    await write(response, message(event), signal, stallMs)
  }
  if (events.at(-1)?.position !== through) await write(response, idOf(through), signal, stallMs)
}

/** JSON has no line break outside its strings, and escapes those inside. */
function message(event: RecordedEvent): string {
  return `id: ${event.position}\ndata: ${JSON.stringify(toCloudEvent(event))}\n\n`
}

/** An event without data moves the reader's resume point and is not shown to it. */
function idOf(position: bigint): string {
  return `id: ${position}\n\n`
}

async function write(
  response: ServerResponse,
  text: string,
  signal: AbortSignal,
  stallMs: number,
): Promise<void> {
  if (response.write(text)) return
  const stalled = AbortSignal.timeout(stallMs)
  try {
    await once(response, 'drain', { signal: AbortSignal.any([signal, stalled]) })
  } catch (error) {
    if (!stalled.aborted) throw error
    response.destroy()
  }
}
