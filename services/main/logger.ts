import { type DestinationStream, destination, type Logger as Pino, pino } from 'pino'
import { correlationId } from '../kernel/correlation.ts'
import type { Config } from './config.ts'

/** Wherever they are in what is logged. */
const SECRETS = ['authorization', 'x-api-key', 'key', 'secret', 'password', 'token'].flatMap(
  (name) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`],
)

const STANDARD_OUTPUT = 1
/** What waits for an output that takes nothing, a full disk for example; lines beyond it are dropped. */
const MAX_WAITING_BYTES = 64 * 1024

/**
 * JSON lines, each with the id of the request that it belongs to. Logging never throws: what the
 * output does not take is dropped, and counted in a line of its own when it takes lines again.
 *
 * @param output by default standard output; a text is the path of a file.
 */
export function createLogger(
  config: Pick<Config, 'logLevel'>,
  output: DestinationStream | string | number = STANDARD_OUTPUT,
): Pino {
  if (typeof output === 'object') return loggerOn(config, output)
  const lossy = destination({ dest: output, sync: true, maxLength: MAX_WAITING_BYTES })
  const logger = loggerOn(config, lossy)
  let dropped = 0
  // Without a listener the error would be thrown into whoever logs.
  lossy.on('error', () => {})
  lossy.on('drop', () => {
    dropped += 1
    // While lines wait and new ones are dropped, nothing else tries the output again.
    lossy.write('')
  })
  lossy.on('drain', () => {
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
