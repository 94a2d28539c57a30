import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'

/**
 * Ends every HTTP response of this process that is longer than `maxBytes`. npm's fetch reads a
 * document whole before it looks at it, and has no limit of its own.
 */
export function capResponses(maxBytes: number): void {
  subscribe('http.client.response.finish', (message) => {
    cap((message as { readonly response: IncomingMessage }).response, maxBytes)
  })
}

function cap(response: IncomingMessage, maxBytes: number): void {
  const tooLarge = () =>
    Object.assign(new Error('The answer is too large.'), { code: 'EANSWERTOOLARGE' })
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    response.destroy(tooLarge())
    return
  }
  const push = response.push.bind(response)
  let bytes = 0
  response.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    bytes += chunk?.length ?? 0
    if (bytes <= maxBytes) return push(chunk, encoding)
    response.destroy(tooLarge())
    return false
  }
}
