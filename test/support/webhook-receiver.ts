import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type ReceivedMessage = {
  readonly headers: Readonly<Record<string, string>>
  /** Byte for byte as it came. */
  readonly body: string
  readonly event: {
    readonly id: string
    readonly type: string
    readonly position: string
    readonly tenantid: string
    readonly data: unknown
  }
}

export type Receiver = {
  readonly url: string
  /** Every message so far, also those that were not taken. */
  readonly messages: ReceivedMessage[]
  /** Ids of messages that were answered with success, in that order. */
  readonly taken: string[]
  /** Answers every message from now on; undefined = takes it. */
  readonly answer: (
    how: ((response: ServerResponse, message: ReceivedMessage) => void) | undefined,
  ) => void
}

/** Somebody who is told what happens, on loopback; as good or as bad as told. */
export async function startReceiver(t: {
  readonly teardown: (stop: () => Promise<void>) => void
}): Promise<Receiver> {
  const messages: ReceivedMessage[] = []
  const taken: string[] = []
  let how: ((response: ServerResponse, message: ReceivedMessage) => void) | undefined
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const headers = request.headers as Record<string, string>
      const message = { headers, body, event: JSON.parse(body) }
      messages.push(message)
      if (how === undefined) response.writeHead(204).end()
      else how(response, message)
      if (response.statusCode >= 200 && response.statusCode <= 299 && response.headersSent)
        taken.push(message.event.id)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?from=tidemark`,
    messages,
    taken,
    answer: (next) => {
      how = next
    },
  }
}
