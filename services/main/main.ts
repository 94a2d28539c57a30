import { readFileSync } from 'node:fs'
import closeWithGrace from 'close-with-grace'
import { start } from './compose.ts'
import { ConfigError, readConfig } from './config.ts'
import { createLogger } from './logger.ts'
import { StartError } from './wait-for-dependency.ts'

const SHUTDOWN_LIMIT_MS = 25_000

try {
  await main()
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof StartError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const logger = createLogger(config)
  const running = await start({ config, logger, version: versionOf() })

  closeWithGrace(
    {
      delay: SHUTDOWN_LIMIT_MS,
      logger: false,
      onSecondSignal: () => process.exit(1),
      onTimeout: (delay) => {
        logger.error({ delayMs: delay }, 'Not stopped in time; giving up.')
        process.exit(1)
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
