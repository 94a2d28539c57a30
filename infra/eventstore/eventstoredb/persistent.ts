import { setTimeout as sleep } from 'node:timers/promises'
import type { StreamingRead } from '@eventstore/db-client'
import { EventStoreUnavailableError } from '../../../services/ports/event-store.ts'
import { faultOf } from './faults.ts'

const FIRST_PAUSE_MS = 20

export type Persistence = {
  /** How long to wait for the next event. */
  readonly timeoutMs: number
  /** How long to open again while the connection is broken, from the last event on. */
  readonly patienceMs: number
}

/** The events of one read; `open` is called again, to go on from where the consumer is, when the connection breaks. */
export async function* persistent<Event>(
  open: () => StreamingRead<Event>,
  { timeoutMs, patienceMs }: Persistence,
): AsyncGenerator<Event> {
  let giveUpAt = performance.now() + patienceMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    try {
      for await (const event of watched(open(), timeoutMs)) {
        yield event
        giveUpAt = performance.now() + patienceMs
        pauseMs = FIRST_PAUSE_MS
      }
      return
    } catch (error) {
      const isBroken =
        faultOf(error) === 'unreachable' && !(error instanceof EventStoreUnavailableError)
      if (!isBroken || performance.now() + pauseMs > giveUpAt) throw error
    }
    await sleep(pauseMs)
  }
}

/**
 * The events of one read, which fails when the server sends nothing for `timeoutMs`: the client
 * itself would wait for ever. Time that the consumer takes does not count.
 */
async function* watched<Event>(
  reading: StreamingRead<Event>,
  timeoutMs: number,
): AsyncGenerator<Event> {
  // The call's own error may come after we gave up, when nobody iterates any more.
  reading.on('error', () => {})
  let isWaiting = true
  let isOver = false
  const watchdog = setTimeout(() => {
    if (isWaiting)
      reading.destroy(new EventStoreUnavailableError(`No answer within ${timeoutMs} ms.`))
    else watchdog.refresh()
  }, timeoutMs)
  try {
    for await (const event of reading.iterator({ destroyOnReturn: false })) {
      isWaiting = false
      yield event
      isWaiting = true
      watchdog.refresh()
    }
    isOver = true
  } finally {
    clearTimeout(watchdog)
    // What is on its way has to be taken, else the client keeps the call for ever.
    if (!isOver) {
      reading.resume()
      // Rejects when there never was a call.
      reading.cancel().catch(() => {})
    }
  }
}
