import { AckPolicy, connect, DeliverPolicy, type JsMsg, type NatsConnection, nanos } from 'nats'
import type { BusPlace, Seen } from './counts.ts'

const STREAM = 'TIDEMARK'
const ACK_WAIT_MS = 5_000
const BATCH = 256
const PATIENCE_MS = 1_000
const TRY_FOR_MS = 5_000
const TRY_AGAIN_MS = 250

/** A message of the bus: an event of some tenant, at a place of the bus. */
export type BusMessage = Seen & { readonly tenantId: string; readonly bus: BusPlace }

export type BusOptions = {
  readonly url: string
  /** The durable consumer: who uses the same name shares its messages. */
  readonly name: string
  readonly signal: AbortSignal
}

/**
 * Hands over what the bus holds and gets, in batches; each is acknowledged when `handle` has
 * dealt with it.
 *
 * @throws when the connection, the stream or the consumer is lost.
 */
export async function consume(
  { url, name, signal }: BusOptions,
  handle: (messages: readonly BusMessage[]) => Promise<void>,
): Promise<void> {
  const connection = await connectTo(url)
  try {
    const manager = await connection.jetstreamManager()
    const { created } = await manager.streams.info(STREAM)
    await manager.consumers.add(STREAM, {
      durable_name: name,
      ack_policy: AckPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      deliver_policy: DeliverPolicy.All,
    })
    const consumer = await connection.jetstream().consumers.get(STREAM, name)
    while (!signal.aborted) {
      const messages: JsMsg[] = []
      const batch = await consumer.fetch({ max_messages: BATCH, expires: PATIENCE_MS })
      for await (const message of batch) messages.push(message)
      if (messages.length > 0) await handle(messages.map((each) => read(each, created)))
      // Silence may also mean that the stream was wiped, and the consumer with it.
      else await manager.consumers.info(STREAM, name)
      await messages.at(-1)?.ackAck()
    }
  } finally {
    await connection.close()
  }
}

async function connectTo(url: string): Promise<NatsConnection> {
  const { host, username, password } = new URL(url)
  return await connect({
    servers: host,
    ...(username === '' ? {} : { user: username, pass: password }),
    name: 'tidemark-subscriber',
    reconnectTimeWait: TRY_AGAIN_MS,
    maxReconnectAttempts: TRY_FOR_MS / TRY_AGAIN_MS,
  })
}

/** CloudEvents in binary mode: the attributes are headers. */
function read({ headers, seq }: JsMsg, created: string): BusMessage {
  const header = (name: string) => decodeURIComponent(headers?.get(name) ?? '')
  return {
    position: BigInt(header('tidemark-position')),
    id: header('ce-id'),
    type: header('ce-type'),
    tenantId: header('ce-tenantid'),
    bus: { created, sequence: seq },
  }
}
