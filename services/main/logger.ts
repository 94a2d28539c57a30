import { access, constants, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { type DestinationStream, destination, type Logger as Pino, pino } from 'pino'
import { correlationId } from '../kernel/correlation.ts'
import type { Config } from './config.ts'
import { StartError } from './wait-for-dependency.ts'

/** Wherever they are in what is logged. */
const SECRETS = ['authorization', 'x-api-key', 'key', 'secret', 'password', 'token'].flatMap(
  (name) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`],
)

const STANDARD_OUTPUT = 1
/** What waits for an output that takes nothing, a full disk for example; lines beyond it are dropped. */
const MAX_WAITING_BYTES = 64 * 1024

const LOSSY = { sync: true, maxLength: MAX_WAITING_BYTES } as const

/** What a log directory holds at most. */
export type LogLimits = { readonly fileBytes: number; readonly files: number }
const LIMITS: LogLimits = { fileBytes: 20 * 1024 * 1024, files: 10 }

type Output = ReturnType<typeof destination>

/**
 * The program's logger: on standard output, or in the files of its log directory.
 *
 * @throws {StartError} when it cannot write there.
 */
export async function openLogger(
  config: Pick<Config, 'logLevel' | 'logDirectory'>,
  limits = LIMITS,
): Promise<Pino> {
  const { logDirectory } = config
  if (logDirectory === undefined) return createLogger(config)
  return withoutThrowing(config, await filesIn(logDirectory, limits))
}

/**
 * JSON lines, each with the id of the request that it belongs to. Logging never throws: what the
 * output does not take is dropped, and counted in a line of its own when it takes lines again.
 *
 * @param output by default standard output; a number is that of an open file.
 */
export function createLogger(
  config: Pick<Config, 'logLevel'>,
  output: DestinationStream | number = STANDARD_OUTPUT,
): Pino {
  if (typeof output === 'object') return loggerOn(config, output)
  return withoutThrowing(config, destination({ dest: output, ...LOSSY }))
}

async function filesIn(directory: string, { fileBytes, files }: LogLimits): Promise<Output> {
  try {
    await mkdir(directory, { recursive: true })
    await access(directory, constants.W_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new StartError(`LOG_DIR cannot be written to: ${code}.`, { cause: error })
  }
  // Loaded where it is used: it brings a library of dates along.
  const { default: roll } = await import('pino-roll')
  return roll({
    file: path.join(directory, 'tidemark.log'),
    size: `${fileBytes}b`,
    limit: { count: files, removeOtherLogFiles: true },
    symlink: true,
    mode: 0o600,
    ...LOSSY,
  })
}

function withoutThrowing(config: Pick<Config, 'logLevel'>, output: Output): Pino {
  const logger = loggerOn(config, output)
  let dropped = 0
  // Without a listener the error would be thrown into whoever logs.
  output.on('error', () => {})
  output.on('drop', () => {
    dropped += 1
    // While lines wait and new ones are dropped, nothing else tries the output again.
    output.write('')
  })
  output.on('drain', () => {
    if (dropped === 0) return
    const lines = dropped
    dropped = 0
    logger.warn({ lines }, 'Log lines were dropped while the output took none.')
  })
  return logger
}

function loggerOn({ logLevel }: Pick<Config, 'logLevel'>, output: DestinationStream): Pino {
  return pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: SECRETS, censor: '[redacted]' },
      mixin: () => {
        const id = correlationId()
        return id === undefined ? {} : { correlationId: id }
      },
      mixinMergeStrategy: (own: object, mixed: object) => ({ ...mixed, ...own }),
    },
    output,
  )
}
