import { setTimeout as delay } from 'node:timers/promises'
import { Slots } from '../../../infra/nats/slots.ts'
import type { DeliveredMessage, MessageBus } from '../../../services/ports/message-bus.ts'
import type { Random } from './random.ts'

const WINDOW = 100
const WINDOW_OPEN_MS = 200
const MOST_TIMES = 5
const DEFAULT_IN_FLIGHT = 16

type Handle = (message: DeliveredMessage) => Promise<void>

type Held = {
  readonly message: DeliveredMessage
  readonly settle: (delivered: Promise<unknown>) => void
}

/**
 * The bus as a network can make it: each message is delivered one to five times, in any order
 * among a hundred. Durable consumers are new, so that everything that was ever published comes
 * again.
 */
export function shakenBus(bus: MessageBus, random: Random, durableSuffix: string): MessageBus {
  return {
    publish: (events, options) => bus.publish(events, options),
    lastPosition: () => bus.lastPosition(),
    newest: () => bus.newest(),
    forget: (newest) => bus.forget(newest),
    subscribe(options, handle) {
      const window = new Window(handle, random, options.maxInFlight ?? DEFAULT_IN_FLIGHT)
      const durable = `${options.durable}-${durableSuffix}`
      return bus.subscribe({ ...options, durable, maxInFlight: WINDOW }, (message) =>
        window.take(message),
      )
    },
    [Symbol.asyncDispose]: async () => bus[Symbol.asyncDispose](),
  }
}

class Window {
  readonly #handle: Handle
  readonly #random: Random
  readonly #slots: Slots
  #held: Held[] = []

  constructor(handle: Handle, random: Random, maxInFlight: number) {
    this.#handle = handle
    this.#random = random
    this.#slots = new Slots(maxInFlight)
  }

  async take(message: DeliveredMessage): Promise<void> {
    await new Promise((settle) => {
      this.#held.push({ message, settle })
      if (this.#held.length === 1) void delay(WINDOW_OPEN_MS).then(() => this.#close())
      else if (this.#held.length === WINDOW) void this.#close()
    })
  }

  async #close(): Promise<void> {
    const held = this.#held.splice(0)
    const copies = held.flatMap(({ message, settle }) => {
      const times = Array.from({ length: 1 + this.#random.integer(MOST_TIMES) }, () =>
        copyOf(message),
      )
      settle(Promise.all(times.map(({ delivered }) => delivered)))
      return times
    })
    for (const { message, settle } of this.#random.shuffled(copies))
      await this.#slots.run(async () => {
        const handling = this.#handle(message)
        settle(handling)
        await handling.catch(() => {})
      })
  }
}

function copyOf(message: DeliveredMessage): Held & { readonly delivered: Promise<unknown> } {
  let settle: Held['settle'] = () => {}
  const delivered = new Promise((resolve) => {
    settle = resolve
  })
  return { message, settle, delivered }
}
