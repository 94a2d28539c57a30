import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../ports/logger.ts'

const PATIENCE_MS = 30_000
const BETWEEN_MS = 1_000

/** The start cannot go on; the message is one sentence for the operator. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/**
 * Tries until it works: servers that start together need each other at different moments.
 *
 * @throws {StartError} naming `what` when it did not work for 30 s.
 */
export async function waitForDependency<Answer>(
  what: string,
  logger: Logger,
  connect: () => Promise<Answer>,
  patienceMs: number = PATIENCE_MS,
): Promise<Answer> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      return await connect()
    } catch (error) {
      if (performance.now() > deadline)
        throw new StartError(`${what} cannot be reached: ${reason(error)}.`, { cause: error })
      logger.warn({ what, reason: reason(error) }, 'Not reachable yet; trying again.')
      await delay(Math.min(BETWEEN_MS, patienceMs))
    }
  }
}

/** @throws {StartError} with what went wrong, when `work` throws; its messages hold no secret. */
export async function orStartError<Answer>(
  what: string,
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new StartError(`${what}: ${why.replace(/\.?$/, '.')}`, { cause: error })
  }
}

/** A socket's error in one word; its message can hold an address with a password. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  const { code } = error as NodeJS.ErrnoException
  return code ?? error.name
}
