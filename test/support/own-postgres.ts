import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startPostgres } from '../../scripts/stack/postgres.ts'

/** A power cut is not among the faults, so nothing waits for the disk; a commit survives a kill. */
const SETTINGS = { fsync: 'off', full_page_writes: 'off' }

export type OwnPostgres = {
  /** Stays the same over every `start`. */
  readonly superuserUrl: string
  /** `data/` in it is the cluster: to be copied while it is stopped. */
  readonly directory: string
  /** In order: connections are ended, everything is written down. */
  readonly stop: () => Promise<void>
  /** As a crash does. */
  readonly kill: () => Promise<void>
  /** Again, on the same port and data. */
  readonly start: () => Promise<void>
}

/**
 * A Postgres server for this test alone, to be stopped and started; gone, with its data, at teardown.
 *
 * @param directory by default a new one; one with data in it is taken as it is.
 */
export async function ownPostgres(
  t: { readonly teardown: (stop: () => Promise<void>) => void },
  directory = mkdtempSync(path.join(tmpdir(), 'tidemark-postgres-')),
): Promise<OwnPostgres> {
  let server = await startPostgres({ directory, settings: SETTINGS })
  const { port, superuserUrl } = server
  t.teardown(async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    superuserUrl,
    directory,
    stop: () => server.stop(),
    async kill() {
      server.child.kill('SIGQUIT')
      await server.child.exited
    },
    async start() {
      server = await startPostgres({ directory, settings: SETTINGS, preferredPort: port })
      if (server.port !== port) throw new Error(`Port ${port} was taken by another program.`)
    },
  }
}
