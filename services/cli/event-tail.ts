import { setTimeout as delay } from 'node:timers/promises'
import type { Api } from './api.ts'
import { CliError, EXIT } from './failure.ts'
import { messagesIn } from './server-sent.ts'

export type TailEvent = {
  readonly type: string
  readonly time: string
  readonly subject: string
  readonly actorid: string
  readonly position: string
  readonly data: unknown
}

/** The filters of the API, word for word. */
export type TailOptions = {
  readonly types?: string
  readonly context?: string
  readonly stream?: string
  readonly installation?: string
  /** Position; undefined = from now on. */
  readonly after?: string
}

const RETRY_MS = 1_000
const PATIENCE_MS = 60_000

/**
 * Every event from `after` on, for ever: a stream that ends or breaks is taken up after the last
 * event that was seen, so that none is left out or repeated.
 *
 * @throws {CliError} when the server refuses, or stays away or faulty for a minute.
 */
export async function* tail(
  api: Api,
  { after, types, context, stream, installation }: TailOptions,
  path = '/v1/events/stream',
): AsyncGenerator<TailEvent> {
  const filters = { types, context, stream, installation }
  let last = after
  let lastContact: number | undefined
  for (;;) {
    try {
      const headers = { accept: 'text/event-stream' }
      const response = await api.open(path, { ...filters, after: last }, headers)
      for await (const { id, data } of messagesIn(response)) {
        lastContact = performance.now()
        last = id ?? last
        if (data !== undefined) yield JSON.parse(data) as TailEvent
      }
    } catch (error) {
      if (!mayRetry(error, lastContact)) throw error
    }
    await delay(RETRY_MS)
  }
}

/** A server that was there and went away or failed may come back; one that refuses will refuse again. */
function mayRetry(error: unknown, lastContact: number | undefined): boolean {
  if (lastContact === undefined || performance.now() - lastContact > PATIENCE_MS) return false
  if (!(error instanceof CliError)) return true
  return error.exitCode === EXIT.unreachable || error.exitCode === EXIT.fault
}
