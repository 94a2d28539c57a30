import type { FetchLike } from '@modelcontextprotocol/client'
import { DEFAULT_LINE_LIMITS } from './json-lines.ts'
import { Rate } from './rate.ts'

const LF = 10
const CR = 13
/** As much as a server may write in one line of stdio, and for the same reason. */
const MAX_MESSAGE_BYTES = DEFAULT_LINE_LIMITS.maxLineBytes
const { maxBytesPerSecond, maxLinesPerSecond } = DEFAULT_LINE_LIMITS

/** What a body broke; undefined while it keeps to its bounds. */
type Bound = (chunk: Uint8Array) => string | undefined

/**
 * `fetch` for servers that are not trusted: an answer, or a message of an event stream, that is
 * larger than 4 MiB ends its body, and so does a stream that is faster than anybody reads.
 *
 * @param onExcess told why, once for each body; the sentence has nothing of the body in it.
 */
export function boundedFetch(fetch: FetchLike, onExcess: (why: string) => void): FetchLike {
  return async (url, init) => {
    const response = await fetch(url, init)
    if (response.body === null) return response
    const { headers, status, statusText } = response
    const streams = headers.get('content-type')?.trim().toLowerCase().startsWith(EVENT_STREAM)
    const exceeded = streams ? eventStreamBound() : answerBound()
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const why = exceeded(chunk)
        if (why === undefined) return controller.enqueue(chunk)
        onExcess(why)
        controller.error(new Error(why))
      },
    })
    return new Response(response.body.pipeThrough(counted), { headers, status, statusText })
  }
}

const EVENT_STREAM = 'text/event-stream'
const TOO_LARGE = 'It sent a message of more than 4 MiB.'

function answerBound(): Bound {
  let bytes = 0
  return (chunk) => {
    bytes += chunk.length
    return bytes > MAX_MESSAGE_BYTES ? TOO_LARGE : undefined
  }
}

function eventStreamBound(): Bound {
  const rate = new Rate(maxBytesPerSecond)
  const lineRate = new Rate(maxLinesPerSecond)
  const message = new MessageMeter()
  return (chunk) => {
    if (rate.exceededBy(chunk.length))
      return `It sent more than ${maxBytesPerSecond} bytes in a second.`
    const before = message.lines
    if (!chunk.every((byte) => message.add(byte))) return TOO_LARGE
    if (lineRate.exceededBy(message.lines - before))
      return `It sent more than ${maxLinesPerSecond} lines in a second.`
    return undefined
  }
}

/** A message ends with an empty line; lines end in CR, LF or both (WHATWG HTML, 9.2.5). */
class MessageMeter {
  lines = 0
  #bytes = 0
  #lineBytes = 0
  #previous = 0

  /** @returns false when the message is too large. */
  add(byte: number): boolean {
    this.#bytes++
    if (byte === CR || (byte === LF && this.#previous !== CR)) this.#endLine()
    else if (byte !== LF) this.#lineBytes++
    this.#previous = byte
    return this.#bytes <= MAX_MESSAGE_BYTES
  }

  #endLine(): void {
    this.lines++
    if (this.#lineBytes === 0) this.#bytes = 0
    this.#lineBytes = 0
  }
}
