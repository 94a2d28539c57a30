import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** As seen from the client: what it sends, and what it gets. */
type Direction = 'requests' | 'answers'

export type TcpProxy = {
  /** `url` with this proxy in front of its host. */
  readonly urlOf: (url: string) => string
  /** Ends all connections and refuses new ones. */
  readonly cut: () => Promise<void>
  /** Lets connections in again, on the same port. */
  readonly restore: () => Promise<void>
  /** Ends all connections at once, both ends by a reset; new ones are let in. */
  readonly reset: () => void
  /** Keeps connections open but passes nothing on: in both directions, or half-open in one. */
  readonly freeze: (direction?: Direction) => void
  /** Every piece of data arrives so much later, in order. */
  readonly delay: (ms: number) => void
  /** So few bytes at a time. */
  readonly trickle: (bytes: number, everyMs: number) => void
  /**
   * Resolves when a client sends `marker`; it is passed on, but from then on no answer is, to
   * anybody. The marker must fit into one piece of data.
   */
  readonly holdAnswersTo: (marker: string) => Promise<void>
  /** Ends freeze, delay, trickle and holding; what was held arrives now. */
  readonly thaw: () => void
}

/** A way to `url`'s server that can be cut, frozen and slowed down; gone at teardown. */
export async function tcpProxy(
  t: { readonly teardown: (close: () => Promise<void>) => void },
  url: string,
): Promise<TcpProxy> {
  const target = new URL(url)
  const sockets = new Set<net.Socket>()
  const road = new Road()

  function join(from: net.Socket, to: net.Socket, direction: Direction) {
    let last = Promise.resolve()
    sockets.add(from)
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      void last.then(() => to.destroySoon())
    })
    from.on('data', (bytes) => {
      last = last.then(() => road.carry(bytes, to, direction))
    })
  }

  function listen(port: number): Promise<net.Server> {
    const server = net.createServer((inner) => {
      const outer = net.connect(Number(target.port), target.hostname)
      join(inner, outer, 'requests')
      join(outer, inner, 'answers')
    })
    server.listen(port, '127.0.0.1')
    return once(server, 'listening').then(() => server)
  }

  async function cut() {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }

  let server = await listen(0)
  const { port } = server.address() as net.AddressInfo
  t.teardown(async () => {
    if (server.listening) await cut()
  })

  return {
    cut,
    urlOf(original) {
      const proxied = new URL(original)
      proxied.hostname = '127.0.0.1'
      proxied.port = String(port)
      return proxied.href
    },
    async restore() {
      server = await listen(port)
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    freeze: (direction) =>
      road.hold(direction === undefined ? ['requests', 'answers'] : [direction]),
    delay: (ms) => road.delay(ms),
    trickle: (bytes, everyMs) => road.trickle(bytes, everyMs),
    holdAnswersTo: (marker) => road.holdAnswersTo(marker),
    thaw: () => road.thaw(),
  }
}

/** How data fares between the two ends of every connection. */
class Road {
  readonly #held = new Set<Direction>()
  #opened: Promise<void> = Promise.resolve()
  #open: () => void = () => {}
  #delayMs = 0
  #pace: { readonly bytes: number; readonly everyMs: number } | undefined
  #awaited: { readonly marker: string; readonly seen: () => void } | undefined

  async carry(bytes: Buffer, to: net.Socket, direction: Direction): Promise<void> {
    if (direction === 'requests') this.#look(bytes)
    if (this.#delayMs > 0) await delay(this.#delayMs)
    while (this.#held.has(direction)) await this.#opened
    let at = 0
    for (; this.#pace !== undefined && at < bytes.length; at += this.#pace?.bytes ?? 0) {
      to.write(bytes.subarray(at, at + this.#pace.bytes))
      await delay(this.#pace.everyMs)
    }
    if (at < bytes.length) to.write(bytes.subarray(at))
  }

  hold(directions: readonly Direction[]): void {
    if (this.#held.size === 0)
      this.#opened = new Promise((resolve) => {
        this.#open = resolve
      })
    for (const direction of directions) this.#held.add(direction)
  }

  delay(ms: number): void {
    this.#delayMs = ms
  }

  trickle(bytes: number, everyMs: number): void {
    this.#pace = { bytes, everyMs }
  }

  holdAnswersTo(marker: string): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { marker, seen: resolve }
    })
  }

  thaw(): void {
    this.#held.clear()
    this.#delayMs = 0
    this.#pace = undefined
    this.#awaited = undefined
    this.#open()
  }

  #look(bytes: Buffer): void {
    if (this.#awaited === undefined || !bytes.includes(this.#awaited.marker)) return
    this.hold(['answers'])
    this.#awaited.seen()
    this.#awaited = undefined
  }
}
