import { setTimeout as sleep } from 'node:timers/promises'
import type { AppendResult, EventData } from '@eventstore/db-client'
import { InvalidEventError, type StreamRevision } from '../../../services/ports/event-store.ts'
import type { Logger } from '../../../services/ports/logger.ts'
import type { Connection } from './connection.ts'
import { faultOf, StreamTombstonedError, unavailable } from './faults.ts'

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 1_000

/** What a stream's last event must be. EventStoreDB keeps its promise about retries for these only. */
export type ExactRevision = bigint | 'no-stream'

/** `position` is undefined when the events were there before and cannot be read any more. */
export type Answer =
  | {
      readonly outcome: 'appended'
      readonly revision: bigint
      readonly position: bigint | undefined
    }
  | { readonly outcome: 'refused'; readonly actual: StreamRevision }

export type ExactAppendOptions = Connection & {
  readonly logger: Logger
  /** From the first sending to giving up. */
  readonly callTimeoutMs: number
  /** Of one sending. */
  readonly attemptTimeoutMs: number
}

/** One append whose expectation is exact, sent until its outcome is known. */
export class ExactAppend {
  readonly #options: ExactAppendOptions

  constructor(options: ExactAppendOptions) {
    this.#options = options
  }

  /**
   * An unknown outcome is sent again as it was: the server answers a repetition with the first
   * result, also after a restart, because it compares the ids with the events at the revisions.
   *
   * @throws {EventStoreUnavailableError} when no answer came in `callTimeoutMs`; the events may
   *   have been written.
   * @throws {InvalidEventError} when the server finds them too large.
   * @throws {StreamTombstonedError}
   */
  async send(stream: string, events: EventData[], expected: ExactRevision): Promise<Answer> {
    const { callTimeoutMs, logger } = this.#options
    const giveUpAt = performance.now() + callTimeoutMs
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.#attempt(stream, events, expected, giveUpAt - performance.now())
      } catch (error) {
        const known = knownOutcome(stream, error)
        if (known instanceof Error) throw known
        if (known !== undefined) return known
        if (performance.now() + pauseMs >= giveUpAt)
          throw unavailable(`appending to stream ${stream}`, error)
        logger.warn({ err: error, stream }, 'The outcome of an append is unknown; sending it again')
      }
      await sleep(pauseMs * (0.5 + Math.random() / 2))
    }
  }

  async #attempt(
    stream: string,
    events: EventData[],
    expected: ExactRevision,
    leftMs: number,
  ): Promise<Answer> {
    const { client, credentials, attemptTimeoutMs } = this.#options
    const timeoutMs = Math.max(1, Math.min(attemptTimeoutMs, leftMs))
    const result = await within(
      timeoutMs,
      client.appendToStream(stream, events, {
        expectedRevision: expected === 'no-stream' ? 'no_stream' : expected,
        // With credentials the client uses one call an append, see docs/decisions/0002.
        credentials,
        deadline: timeoutMs,
      }),
    )
    return answerOf(result)
  }
}

/** A connection string may say `throwOnAppendFailure=false`. */
function answerOf({ success, nextExpectedRevision, position }: AppendResult): Answer {
  if (success)
    return { outcome: 'appended', revision: nextExpectedRevision, position: position?.commit }
  return {
    outcome: 'refused',
    actual: nextExpectedRevision < 0n ? 'no-stream' : nextExpectedRevision,
  }
}

/** Undefined when the events may or may not have been written. */
function knownOutcome(stream: string, error: unknown): Answer | Error | undefined {
  switch (faultOf(error)) {
    case 'wrong-expectation': {
      const { actualVersion } = error as { readonly actualVersion: bigint | 'no_stream' }
      const isAbsent = actualVersion === 'no_stream' || actualVersion < 0n
      return { outcome: 'refused', actual: isAbsent ? 'no-stream' : actualVersion }
    }
    case 'deleted':
      return new StreamTombstonedError(stream)
    case 'too-large':
      return new InvalidEventError(`EventStoreDB finds an append to ${stream} too large.`)
    case 'denied':
      return unavailable(`appending to stream ${stream}`, error)
    case 'absent':
    case 'unexplained':
    case 'unreachable':
      return undefined
  }
}

/** The client's own deadline begins only when it has a connection, and finding one may take long. */
async function within<Result>(timeoutMs: number, call: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${timeoutMs} ms.`)), timeoutMs)
  })
  try {
    return await Promise.race([call, timeout])
  } finally {
    clearTimeout(timer)
  }
}
