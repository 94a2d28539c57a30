import { setTimeout as delay } from 'node:timers/promises'
import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
  type NatsConnection,
  nanos,
} from 'nats'
import { backoff } from '../../domain/kernel/backoff.ts'
import type { Logger } from '../../services/ports/logger.ts'
import type { DeliveredMessage, SubscribeOptions } from '../../services/ports/message-bus.ts'
import { decode } from './cloud-event.ts'
import { isConsumerMissing } from './failures.ts'
import type { Slots } from './slots.ts'
import { jetStreamManager } from './stream.ts'

const DEFAULT_ACK_WAIT_MS = 30_000
/** A pull is renewed after this time; also how long a lost one goes unnoticed. */
const PULL_MS = 5_000
const RETRY_MS = 500
const MAX_RETRY_MS = 60_000

export type ConsumeDeps = {
  readonly stream: string
  readonly use: () => Promise<NatsConnection>
  readonly onLoss: (listener: () => void) => () => void
  readonly repair: () => Promise<void>
  readonly logger: Logger
}

export type Handle = (message: DeliveredMessage) => Promise<void>

/** Receives one subject until the signal aborts, over any number of lost connections and consumers. */
export async function consumeSubject(
  deps: ConsumeDeps,
  options: SubscribeOptions,
  subject: string,
  slots: Slots,
  handle: Handle,
): Promise<void> {
  const { signal, durable } = options
  while (!signal.aborted) {
    try {
      const consumer = await ensureConsumer(deps, options, subject)
      while (!signal.aborted) await pull(deps, options, consumer, slots, handle)
    } catch (error) {
      if (signal.aborted) return
      if (isConsumerMissing(error)) await deps.repair().catch(() => {})
      deps.logger.warn({ err: error, durable, subject }, 'receiving is interrupted')
      await delay(RETRY_MS, undefined, { signal }).catch(() => {})
    }
  }
}

/** Servers before 2.10 filter by one subject a consumer; so everywhere it is one consumer a subject. */
async function ensureConsumer(
  { stream, use }: ConsumeDeps,
  { durable, ackWaitMs = DEFAULT_ACK_WAIT_MS, maxInFlight }: SubscribeOptions,
  subject: string,
): Promise<Consumer> {
  const connection = await use()
  const manager = await jetStreamManager(connection)
  const name = consumerName(durable, subject)
  const settings = {
    ack_wait: nanos(ackWaitMs),
    max_deliver: -1,
    max_ack_pending: maxInFlight === 1 ? 1 : 1_000,
  }
  const known = await manager.consumers.info(stream, name).catch((error) => {
    if (isConsumerMissing(error)) return undefined
    throw error
  })
  if (known === undefined)
    await manager.consumers.add(stream, {
      ...settings,
      durable_name: name,
      filter_subject: subject,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
    })
  else await manager.consumers.update(stream, name, settings)
  return await connection.jetstream().consumers.get(stream, name)
}

const TOKENS: Readonly<Record<string, string>> = { '*': 'any', '>': 'all' }

/** A name may have no dot and no wildcard. */
function consumerName(durable: string, subject: string): string {
  const tokens = subject.split('.').map((token) => TOKENS[token] ?? token)
  return `${durable}__${tokens.join('_')}`
}

async function pull(
  { onLoss, logger }: ConsumeDeps,
  options: SubscribeOptions,
  consumer: Consumer,
  slots: Slots,
  handle: Handle,
): Promise<void> {
  const { signal } = options
  const free = await slots.free(signal)
  if (free === 0) return
  const messages = await consumer.fetch({ max_messages: free, expires: PULL_MS })
  const close = () => void messages.close().catch(() => {})
  const forget = onLoss(close)
  signal.addEventListener('abort', close, { once: true })
  try {
    await takeAll(messages, options, slots, handle, logger)
  } finally {
    forget()
    signal.removeEventListener('abort', close)
  }
}

async function takeAll(
  messages: ConsumerMessages,
  options: SubscribeOptions,
  slots: Slots,
  handle: Handle,
  logger: Logger,
): Promise<void> {
  for await (const message of messages) {
    // It is somebody else's turn: of another process, or of this one after its next start.
    if (options.signal.aborted) message.nak()
    else await slots.run(() => attend(message, options, handle, logger))
  }
}

/** Runs the handler with signs of life, then says how it went. Never rejects. */
async function attend(
  message: JsMsg,
  { durable, ackWaitMs = DEFAULT_ACK_WAIT_MS }: SubscribeOptions,
  handle: Handle,
  logger: Logger,
): Promise<void> {
  const alive = setInterval(() => message.working(), ackWaitMs / 3)
  try {
    await handle(decode(message))
    message.ack()
  } catch (error) {
    const { deliveryCount } = message.info
    const retryMs = backoff(deliveryCount - 1, RETRY_MS, MAX_RETRY_MS)
    const { subject } = message
    logger.warn({ err: error, durable, subject, deliveryCount, retryMs }, 'message handler failed')
    message.nak(retryMs)
  } finally {
    clearInterval(alive)
  }
}
