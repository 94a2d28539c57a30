import type { Logger } from '../../services/ports/logger.ts'
import type { MessageBus } from '../../services/ports/message-bus.ts'
import { NatsLink } from './connection.ts'
import { consumeSubject } from './consumer.ts'
import { Publisher } from './publisher.ts'
import { Slots } from './slots.ts'
import { ensureStream } from './stream.ts'

const DEFAULT_IN_FLIGHT = 16
/** The JetStream stream, made when it is absent. */
const STREAM = 'TIDEMARK'

export type NatsMessageBusOptions = {
  /** One address or several, separated by commas: `nats://user:password@host:4222`. */
  readonly url: string
  readonly logger: Logger
}

/** The bus on NATS JetStream, 2.9 or newer. Connects in the background and comes back by itself. */
export function createNatsMessageBus({ url, logger }: NatsMessageBusOptions): MessageBus {
  const stream = STREAM
  const link = new NatsLink(url, logger)
  const stop = new AbortController()
  const use = () => link.use()
  const onLoss = (listener: () => void) => link.onLoss(listener)
  const repair = async () => ensureStream(await use(), stream)
  const publisher = new Publisher({ stream, link, repair, logger })
  const subscriptions = new Set<Promise<void>>()

  return {
    publish: (events, publishOptions = {}) => publisher.publish(events, publishOptions),
    async lastPosition() {
      return (await publisher.tip()).newest?.position ?? 0n
    },
    newest: async () => (await publisher.tip()).newest,
    forget: (newest) => publisher.forget(newest),
    async subscribe(given, handle) {
      const signal = AbortSignal.any([given.signal, stop.signal])
      const slots = new Slots(given.maxInFlight ?? DEFAULT_IN_FLIGHT)
      const deps = { stream, use, onLoss, repair, logger }
      const receiving = Promise.all(
        given.subjects.map((subject) =>
          consumeSubject(deps, { ...given, signal }, subject, slots, handle),
        ),
      ).then(() => slots.idle())
      subscriptions.add(receiving)
      await receiving.finally(() => subscriptions.delete(receiving))
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.allSettled(subscriptions)
      await link[Symbol.asyncDispose]()
    },
  }
}
