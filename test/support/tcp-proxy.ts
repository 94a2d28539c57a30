import { once } from 'node:events'
import net from 'node:net'

export type TcpProxy = {
  /** `url` with this proxy in front of its host. */
  readonly urlOf: (url: string) => string
  /** Ends all connections and refuses new ones. */
  readonly cut: () => Promise<void>
  /** Lets connections in again, on the same port. */
  readonly restore: () => Promise<void>
  /** Keeps connections open but passes nothing on, in both directions. */
  readonly freeze: () => void
  readonly thaw: () => void
}

/** A way to `url`'s server that can be cut; gone at teardown. */
export async function tcpProxy(
  t: { readonly teardown: (close: () => Promise<void>) => void },
  url: string,
): Promise<TcpProxy> {
  const target = new URL(url)
  const sockets = new Set<net.Socket>()
  let frozen = false

  function join(from: net.Socket, to: net.Socket) {
    sockets.add(from)
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    from.on('data', (bytes) => to.write(bytes))
    if (frozen) from.pause()
  }

  function listen(port: number): Promise<net.Server> {
    const server = net.createServer((inner) => {
      const outer = net.connect(Number(target.port), target.hostname)
      join(inner, outer)
      join(outer, inner)
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
    freeze() {
      frozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      frozen = false
      for (const socket of sockets) socket.resume()
    },
  }
}
