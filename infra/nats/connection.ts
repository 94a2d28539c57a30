import { setTimeout as delay } from 'node:timers/promises'
import { type ConnectionOptions, connect, Events, type NatsConnection } from 'nats'
import type { Logger } from '../../services/ports/logger.ts'
import { MessageBusUnavailableError } from '../../services/ports/message-bus.ts'

const CONNECT_TIMEOUT_MS = 2_000
const RECONNECT_MS = 250
/** How long a caller waits for the very first connection. */
const PATIENCE_MS = 2_000
const PING_MS = 5_000

/** One connection that is made in the background, comes back by itself and says when it is away. */
export class NatsLink implements AsyncDisposable {
  readonly #options: ConnectionOptions
  readonly #logger: Logger
  readonly #stop = new AbortController()
  readonly #lossListeners = new Set<() => void>()
  #connection: NatsConnection | undefined
  #connected = false
  #first: Promise<void>

  constructor(url: string, logger: Logger) {
    this.#options = connectionOptions(url)
    this.#logger = logger
    this.#first = this.#connect()
  }

  /** @throws {MessageBusUnavailableError} when there is no connection now. */
  async use(): Promise<NatsConnection> {
    if (this.#connection === undefined && !this.#stop.signal.aborted)
      await Promise.race([this.#first, delay(PATIENCE_MS, undefined, { ref: false })])
    if (this.#connection === undefined || !this.#connected)
      throw new MessageBusUnavailableError('The message bus cannot be reached.')
    return this.#connection
  }

  /** Does `work` as long as the connection lasts. @throws {MessageBusUnavailableError} when it does not. */
  async during<Result>(work: (connection: NatsConnection) => Promise<Result>): Promise<Result> {
    const connection = await this.use()
    let forget = () => {}
    const lost = new Promise<never>((_, reject) => {
      forget = this.onLoss(() =>
        reject(new MessageBusUnavailableError('The connection to the message bus was lost.')),
      )
    })
    return await Promise.race([work(connection), lost]).finally(() => forget())
  }

  /** Calls `listener` at every loss of the connection; @returns what ends that. */
  onLoss(listener: () => void): () => void {
    this.#lossListeners.add(listener)
    return () => void this.#lossListeners.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#lose()
    await this.#first
    await this.#connection?.close()
  }

  async #connect(): Promise<void> {
    const { signal } = this.#stop
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        this.#connection = await connect(this.#options)
        this.#connected = true
        void this.#watch(this.#connection)
        return
      } catch (error) {
        if (attempt === 1) this.#logger.warn({ err: error }, 'message bus is away')
        await delay(RECONNECT_MS, undefined, { signal }).catch(() => {})
      }
    }
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === Events.Reconnect) {
        this.#connected = true
        this.#logger.info({}, 'message bus is back')
      } else if (type === Events.Disconnect) {
        this.#logger.warn({}, 'message bus is away')
        this.#lose()
      }
    }
    this.#lose()
  }

  #lose(): void {
    this.#connected = false
    for (const listener of [...this.#lossListeners]) listener()
  }
}

/** `nats://user:password@host:port,…`, `nats://token@host`, `tls://host`. */
function connectionOptions(url: string): ConnectionOptions {
  const addresses = url.split(',').map((each) => {
    const address = each.trim()
    return new URL(address.includes('://') ? address : `nats://${address}`)
  })
  const [first] = addresses
  const user = decodeURIComponent(first?.username ?? '')
  const pass = decodeURIComponent(first?.password ?? '')
  return {
    servers: addresses.map(({ host }) => host),
    name: 'tidemark',
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    // A stack for each request in flight costs more than the request; errors name what was asked.
    noAsyncTraces: true,
    reconnectTimeWait: RECONNECT_MS,
    pingInterval: PING_MS,
    ...(user !== '' && pass !== '' ? { user, pass } : {}),
    ...(user !== '' && pass === '' ? { token: user } : {}),
    ...(first?.protocol === 'tls:' ? { tls: {} } : {}),
  }
}
