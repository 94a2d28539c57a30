import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../ports/logger.ts'
import { problemFor } from './problem-handler.ts'

export const NDJSON = 'application/x-ndjson'

export function wantsLines({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes(NDJSON) ?? false
}

/**
 * Answers in lines, each a JSON object: what `work` reports on the way, then one `result` or `problem`.
 * The reply is hijacked: Fastify sends nothing more.
 *
 * @param work gets the function that writes a line.
 * @param broken what the log says when it throws.
 */
export async function answerInLines(
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
  broken: string,
  work: (line: (value: object) => void) => Promise<object>,
): Promise<void> {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': `${NDJSON}; charset=utf-8`,
    'cache-control': 'no-store',
  })
  const line = (value: object) => raw.write(`${JSON.stringify(value)}\n`)
  try {
    line({ result: await work(line) })
  } catch (error) {
    logger.error({ err: error, correlationId: request.id }, broken)
    line({ problem: { ...problemFor(error).problem, traceId: request.id } })
  } finally {
    raw.end()
  }
}

/** Does `work` with a signal that aborts when the client goes away, or when `stopping` does. */
export async function whileConnected<T>(
  request: FastifyRequest,
  stopping: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const gone = new AbortController()
  const leave = () => gone.abort()
  request.raw.socket.once('close', leave)
  try {
    return await work(AbortSignal.any([gone.signal, stopping]))
  } finally {
    request.raw.socket.off('close', leave)
  }
}
