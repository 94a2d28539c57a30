import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Got = { readonly method: string; readonly url: string; readonly body: string } & Pick<
  IncomingMessage,
  'headers'
>

type Answer = (response: ServerResponse, request: Got) => void

/** A system that workflows call, on loopback. What it has no answer for it answers with the request. */
export async function startOther(scope: {
  readonly teardown: (stop: () => Promise<void>) => void
}) {
  const got: Got[] = []
  const answers = new Map<string, Answer>()
  let failures = 0
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, url, headers, body }
      got.push(one)
      const answer = answers.get(url.split('?')[0] ?? '')
      if (failures-- > 0) response.writeHead(503).end()
      else if (answer) answer(response, one)
      else json(response, { method, url, body })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  scope.teardown(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    ...{ got, answers, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    /** The next `times` requests are answered with 503. */
    fail: (times: number) => {
      failures = times
    },
  }
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
