import { readFileSync } from 'node:fs'
import closeWithGrace from 'close-with-grace'
import { ConfigError, type ConfigFlags, readConfig } from './config.ts'
import { openLogger } from './logger.ts'
import { StartError } from './wait-for-dependency.ts'

/** What stopping may take besides the drain delay and the requests that are under way. */
const CLOSE_LIMIT_MS = 5_000

/** What the shell sees; those of the command line mean the same. */
const EXIT = { fault: 1, usage: 2 } as const

/**
 * Does what the configuration says until a signal asks it to stop, then ends the process: with 0
 * when everything was finished, with 1 after a fault or a second signal, with 2 when the
 * configuration is wrong. Resolves when it serves.
 */
export async function serve(
  environment: NodeJS.ProcessEnv,
  flags: ConfigFlags = {},
): Promise<void> {
  try {
    await serveUntilSignal(environment, flags)
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StartError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(error instanceof ConfigError ? EXIT.usage : EXIT.fault)
  }
}

async function serveUntilSignal(environment: NodeJS.ProcessEnv, flags: ConfigFlags): Promise<void> {
  const config = readConfig(environment, flags)
  const logger = await openLogger(config)
  // Nearly the whole program, which takes a second or two to load: what is wrong is told before.
  const { start } = await import('./compose.ts')
  const { IN_FLIGHT_LIMIT_MS } = await import('./http-server.ts')
  const running = await start({ config, logger, version: versionOf() })

  closeWithGrace(
    {
      delay: config.drainDelayMs + IN_FLIGHT_LIMIT_MS + CLOSE_LIMIT_MS,
      logger: false,
      onSecondSignal: () => process.exit(EXIT.fault),
      onTimeout: (delay) => {
        logger.error({ delayMs: delay }, 'Not stopped in time; giving up.')
        process.exit(EXIT.fault)
      },
    },
    async ({ err, signal }) => {
      if (err === undefined) logger.info({ signal }, 'Stopping.')
      else logger.error({ err }, 'Stopping because of a fault that nothing handled.')
      await running.stop()
      logger.info({}, 'Stopped.')
    },
  )
}

function versionOf(): string {
  const file = new URL('../../package.json', import.meta.url)
  return String(JSON.parse(readFileSync(file, 'utf8')).version)
}
