import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * What a WebSocket server listens to for its upgrades: only those that ask for a WebSocket at
 * `path`. As soon as anybody listens, Node hands over every request with an `Upgrade`, also the
 * offer of HTTP/2 that curl and Java's client make on each first request; those are answered as
 * if they had not asked, as RFC 9110, 7.8 allows.
 */
export function webSocketUpgrades(server: Server, path: string): Server {
  const upgrades = createServer()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    if (isWebSocket && request.url?.split('?', 1)[0] === path)
      upgrades.emit('upgrade', request, socket, head)
    else answerWithoutUpgrade(server, request, socket, head)
  })
  return upgrades
}

const OF_UPGRADE = new Set(['upgrade', 'connection', 'http2-settings'])

/** Node has given up the connection's parser: the request goes back to where it came from, and the connection begins anew. */
function answerWithoutUpgrade(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (!OF_UPGRADE.has(rawHeaders[i]?.toLowerCase() ?? ''))
      lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}
