/**
 * `make subscriber`: counts events by type, each exactly once, whatever happens to this program,
 * to NATS or to Tidemark. An example for programs that follow Tidemark (docs/subscribing.md).
 */
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Api, connect } from '../services/cli/api.ts'
import { natsUrlIn } from './stack/nats.ts'
import { type BusMessage, consume } from './subscriber/bus.ts'
import { Counts } from './subscriber/counts.ts'
import { checkSameLog, countFromLog, OtherLogError } from './subscriber/log-pages.ts'

const DATA = path.resolve(import.meta.dirname, '..', process.env.DATA_DIR ?? '.data')
const STATE = path.resolve(process.env.SUBSCRIBER_STATE ?? path.join(DATA, 'subscriber.json'))
const NAME = process.env.SUBSCRIBER_NAME ?? 'subscriber'
const AGAIN_MS = 500

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

process.exitCode = await subscribe()

async function subscribe(): Promise<number> {
  const counts = new Counts(STATE)
  say(`Counting into ${STATE}, from after position ${counts.position}.`)
  while (!stopping.signal.aborted) {
    try {
      await follow(counts)
    } catch (error) {
      if (error instanceof OtherLogError) {
        say(`The log does not have event ${counts.eventId} at position ${counts.position}: it is`)
        say(`another one, or was set back. To count it from its start, remove ${STATE}.`)
        return 1
      }
      say(`${error instanceof Error ? error.message : String(error)}; trying again.`)
      await delay(AGAIN_MS, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  return 0
}

async function follow(counts: Counts): Promise<void> {
  const api = connect({})
  const { tenantId } = await api.get<{ readonly tenantId: string }>('/v1/whoami')
  await checkSameLog(api, counts)
  // Also what the bus does not tell again: the consumer may be further on than the count.
  await countFromLog(api, counts)
  say(`Counted up to position ${counts.position}.`)
  const url = process.env.NATS_URL ?? natsUrlIn(path.join(DATA, 'nats'))
  let before = 0n
  await consume({ url, name: NAME, signal: stopping.signal }, async (messages) => {
    const from = counts.position
    for (const message of messages) {
      // The bus has been filled anew, from this log or from another.
      if (message.position <= before) await checkSameLog(api, counts)
      before = message.position
      await take(api, counts, message, tenantId)
    }
    counts.save()
    if (counts.position > from) say(`Counted up to position ${counts.position}.`)
  })
}

/**
 * A duplicate is known by its position. Where the bus does not prove that nothing was between
 * this message and the one before, the log is asked: the bus may have been filled anew, an operator
 * may have removed messages, a redelivery may come late.
 */
async function take(
  api: Api,
  counts: Counts,
  message: BusMessage,
  tenantId: string,
): Promise<void> {
  const { bus, position } = message
  const last = counts.bus?.created === bus.created ? counts.bus.sequence : undefined
  if (position > counts.position) {
    if (last === undefined || bus.sequence !== last + 1) await countFromLog(api, counts, position)
    if (message.tenantId === tenantId) counts.apply(message)
  }
  if (last === undefined || bus.sequence > last) counts.reach(bus)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
