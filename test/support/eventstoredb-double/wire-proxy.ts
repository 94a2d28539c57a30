import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** TCP between client and server that can be cut, frozen and closed, as a network or a killed process does. */
export class WireProxy {
  readonly #targetPort: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0
  #isFrozen = false

  constructor(targetPort: number) {
    this.#targetPort = targetPort
  }

  get port(): number {
    return this.#port
  }

  /** On the same port as before, if there was one. */
  async listen(): Promise<void> {
    const server = createServer((client) => this.#forward(client))
    this.#server = server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
  }

  /** Cuts what is connected and refuses whoever comes. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.cut()
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    await closed
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Connections stay open and new ones are accepted, but no byte moves. */
  freeze(): void {
    this.#isFrozen = true
    for (const socket of this.#sockets) socket.pause()
  }

  thaw(): void {
    this.#isFrozen = false
    for (const socket of this.#sockets) socket.resume()
  }

  #forward(client: Socket): void {
    const server = connect(this.#targetPort, '127.0.0.1')
    this.#join(client, server)
    this.#join(server, client)
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (chunk) => {
      if (to.write(chunk)) return
      from.pause()
      to.once('drain', () => this.#isFrozen || from.resume())
    })
    // A cut connection ends on both sides; the error itself says nothing more.
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
    if (this.#isFrozen) from.pause()
  }
}
