import { readFileSync } from 'node:fs'
import path from 'node:path'
import { emptyDatabase } from './database.ts'
import { freshNats } from './nats.ts'
import { exitOf, launch, newDataDirectory, readyAddress } from './program.ts'

export type Answer = { readonly status: number; readonly body: Record<string, unknown> }

export type TidemarkProcess = {
  readonly appUrl: string
  readonly dataDir: string
  /** Starts the program on the same database, bus and data, and waits until it is ready. */
  readonly start: () => Promise<void>
  /** As a crash does. */
  readonly kill: () => Promise<void>
  /** @returns its exit code. */
  readonly stop: () => Promise<number | null>
  /** With the first key. @throws when the program cannot be reached. */
  readonly request: (
    method: string,
    place: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
}

/** A program that is killed and started again, with servers and data that stay. */
export async function tidemarkProcess(
  t: { readonly teardown: (stop: () => Promise<void>) => void },
  environment: NodeJS.ProcessEnv = {},
): Promise<TidemarkProcess> {
  const database = await emptyDatabase(t)
  const nats = await freshNats(t)
  const dataDir = newDataDirectory(t)
  const options = {
    databaseUrl: database.appUrl,
    databaseOwnerUrl: database.ownerUrl,
    natsUrl: nats.url,
    environment: { ALLOW_PRIVATE_UPSTREAMS: '1', ...environment },
  }
  let child: ReturnType<typeof launch> | undefined
  let address = ''

  async function end(signal: NodeJS.Signals) {
    if (child === undefined) return null
    child.kill(signal)
    return (await exitOf(child)).code
  }

  return {
    appUrl: database.appUrl,
    dataDir,
    async start() {
      child = launch(t, dataDir, options)
      const log = () => readFileSync(path.join(dataDir, 'tidemark.log'), 'utf8')
      address = await readyAddress(dataDir, child, log)
    },
    async kill() {
      await end('SIGKILL')
    },
    stop: () => end('SIGTERM'),
    async request(method, place, body, headers) {
      const key = readFileSync(path.join(dataDir, 'first-api-key'), 'utf8').trim()
      const answer = await fetch(`${address}${place}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      })
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    },
  }
}
