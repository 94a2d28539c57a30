import { type DestinationStream, destination, type Logger as Pino, pino } from 'pino'
import { correlationId } from '../kernel/correlation.ts'
import type { Config } from './config.ts'

/** Wherever they are in what is logged. */
const SECRETS = ['authorization', 'x-api-key', 'key', 'secret', 'password', 'token'].flatMap(
  (name) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`],
)

/** JSON lines, each with the id of the request that it belongs to; by default on standard output. */
export function createLogger(
  { logLevel }: Pick<Config, 'logLevel'>,
  output: DestinationStream = destination({ dest: 1, sync: true }),
): Pino {
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
