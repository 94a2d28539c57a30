/**
 * Many idle readers of a feed: `feed-clients.ts <address> <path> <count>`, with the API key in `KEY`. Prints `ready` when all
 * are connected. For each line that it reads, a text, it waits until every reader has received an event with that text,
 * and prints when each did, in milliseconds since 1970.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

const [address = '', path = '', count = '0'] = process.argv.slice(2)
const { hostname, port } = new URL(address)
const authorization =
  process.env.KEY === undefined ? '' : `Authorization: Bearer ${process.env.KEY}\r\n`
const request = `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAccept: text/event-stream\r\n${authorization}\r\n`
/** So many connect at the same time. */
const CONNECTING = 100
const LONGEST_TEXT = 200

class Reader {
  #tail = ''
  #expected: string | undefined
  #arrived: (at: number) => void = () => {}

  async open(): Promise<void> {
    const socket: Socket = connect(Number(port), hostname)
    socket.setEncoding('utf8')
    await once(socket, 'connect')
    socket.write(request)
    const [head] = await once(socket, 'data')
    if (!String(head).startsWith('HTTP/1.1 200')) throw new Error(String(head).slice(0, 500))
    socket.on('data', (text: string) => this.#read(text))
    socket.on('close', () => {
      throw new Error('A stream was ended.')
    })
  }

  /** @returns when the text came, in milliseconds since 1970. */
  expect(text: string): Promise<number> {
    return new Promise((resolve) => {
      this.#tail = ''
      this.#expected = text
      this.#arrived = resolve
    })
  }

  #read(text: string): void {
    if (this.#expected === undefined) return
    const seen = this.#tail + text
    if (seen.includes(this.#expected)) {
      this.#expected = undefined
      this.#arrived(performance.timeOrigin + performance.now())
    } else this.#tail = seen.slice(-LONGEST_TEXT)
  }
}

const readers = Array.from({ length: Number(count) }, () => new Reader())
for (let from = 0; from < readers.length; from += CONNECTING)
  await Promise.all(readers.slice(from, from + CONNECTING).map((reader) => reader.open()))
process.stdout.write('ready\n')

for await (const text of createInterface({ input: process.stdin })) {
  const arrivals = Promise.all(readers.map((reader) => reader.expect(text)))
  process.stdout.write('expecting\n')
  process.stdout.write(`${JSON.stringify(await arrivals)}\n`)
}
