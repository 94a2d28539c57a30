import { connect, headers } from 'nats'
import { createNatsMessageBus } from '../../infra/nats/message-bus.ts'
import { runRelay } from '../../infra/nats/relay.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { type Measurement, measurement, secondsOf } from './measure.ts'
import { fill } from './replay.ts'
import { type Stage, usageEvent } from './stage.ts'

const EVENTS = 30_000
const IN_FLIGHT = 512

/** The relay brings a full log to JetStream, against bare asynchronous publishes with a message id and as many headers. */
export async function benchRelay(stage: Stage): Promise<Measurement> {
  const { store } = await stage.database()
  await fill(store, EVENTS)
  const limit = EVENTS / (await secondsOf(() => publishBare(stage.natsUrl)))
  await using bus = createNatsMessageBus({ url: stage.natsUrl, logger: silent })
  const head = await store.head()
  const stop = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const seconds = await secondsOf(async () => {
    await new Promise<void>((resolve) => {
      const relayAt = (position: bigint) => {
        if (position >= head) resolve()
      }
      const metrics = { ...noMetrics, relayAt }
      running = runRelay({ store, bus, signal: stop.signal, logger: silent, metrics })
    })
  })
  stop.abort()
  await running
  await forget(stage.natsUrl, 'TIDEMARK')
  return measurement('relay.publish', EVENTS / seconds, 'events/s', limit)
}

async function publishBare(url: string): Promise<void> {
  const connection = await connect({ servers: url })
  const manager = await connection.jetstreamManager()
  await manager.streams.add({ name: 'BARE', subjects: ['bare.>'] })
  const stream = connection.jetstream()
  const pending = new Set<Promise<unknown>>()
  for (let index = 0; index < EVENTS; index++) {
    const payload = JSON.stringify(usageEvent('', index).data)
    const published = stream.publish('bare.events', payload, {
      msgID: `bare-${index}`,
      headers: bareHeaders(index),
    })
    pending.add(published)
    void published.finally(() => pending.delete(published))
    if (pending.size >= IN_FLIGHT) await Promise.race(pending)
  }
  await Promise.all(pending)
  await connection.close()
  await forget(url, 'BARE')
}

/** The next benchmark brings a log of its own. */
async function forget(url: string, stream: string): Promise<void> {
  const connection = await connect({ servers: url })
  const manager = await connection.jetstreamManager()
  await manager.streams.delete(stream)
  await connection.close()
}

function bareHeaders(index: number) {
  const all = headers()
  for (let attribute = 0; attribute < 12; attribute++) all.set(`ce-${attribute}`, `value-${index}`)
  return all
}
