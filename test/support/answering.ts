import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

type Respond = (request: IncomingMessage, response: ServerResponse) => void

/** Something that answers at an address, to see what the program makes of it. */
export async function serve(
  t: { teardown: (stop: () => void) => void },
  respond: Respond,
): Promise<string> {
  const server = createServer(respond)
  t.teardown(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}
