import { once } from 'node:events'
import net from 'node:net'
import type { TidemarkProcess } from '../program.ts'

type Teardown = { readonly teardown: (stop: () => void) => void }

/** A bare connection, for clients that do not behave; closed at teardown. */
export async function connected(t: Teardown, { address }: TidemarkProcess): Promise<net.Socket> {
  const { hostname, port } = new URL(address)
  const socket = net.connect(Number(port), hostname)
  socket.on('error', () => {})
  t.teardown(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** A connection that had an answer, and then nothing to ask. */
export async function idle(t: Teardown, program: TidemarkProcess): Promise<net.Socket> {
  const socket = await connected(t, program)
  socket.write(requestOf(program, '/health/live'))
  await once(socket, 'data')
  return socket
}

/** A reader of the feed that reads nothing. */
export async function deafReader(t: Teardown, program: TidemarkProcess): Promise<net.Socket> {
  const socket = await connected(t, program)
  socket.write(requestOf(program, '/v1/events/stream'))
  const [head] = await once(socket, 'data')
  if (!String(head).startsWith('HTTP/1.1 200')) throw new Error(String(head))
  return socket.pause()
}

export function requestOf(program: TidemarkProcess, place: string): string {
  return `GET ${place} HTTP/1.1\r\n${headersOf(program)}\r\n`
}

/** What every request has to say. */
export function headersOf({ address, key }: TidemarkProcess): string {
  return `Host: ${new URL(address).host}\r\nAuthorization: Bearer ${key}\r\n`
}

/** Resolves when the text has come, to the moment of `performance.now()`. */
export type FeedReader = (text: string) => Promise<number>

/** A reader of the feed that is as fast as it can. */
export async function feedReader(t: Teardown, program: TidemarkProcess): Promise<FeedReader> {
  const socket = await deafReader(t, program)
  let tail = ''
  let expected: { text: string; arrived: (at: number) => void } | undefined
  socket.setEncoding('utf8').on('data', (part: string) => {
    const seen = tail + part
    tail = seen.slice(-100)
    if (expected === undefined || !seen.includes(expected.text)) return
    expected.arrived(performance.now())
    expected = undefined
  })
  socket.resume()
  return (text) =>
    new Promise((arrived) => {
      expected = { text, arrived }
    })
}
