import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { locate } from '../../scripts/stack/locate.ts'
import { startNats } from '../../scripts/stack/nats.ts'

export type FreshNats = {
  /** Stays the same over `restart` and `wipe`. */
  readonly url: string
  /** Where JetStream keeps its streams. */
  readonly files: string
  /** Ends the server at once, as a crash does. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same port with what its disk holds. */
  readonly restart: () => Promise<void>
  /** Starts it again on the same port with an empty disk. */
  readonly wipe: () => Promise<void>
}

/**
 * A NATS server with JetStream for this test alone; gone, with its files, at teardown.
 *
 * @param given the `nats-server` program; by default the one that this machine has.
 */
export async function freshNats(
  t: { teardown: (stop: () => Promise<void>) => void },
  given?: string,
): Promise<FreshNats> {
  const program =
    given ?? process.env.TEST_NATS_BIN ?? process.env.NATS_SERVER_BIN ?? locate('nats-server')
  if (program === undefined) throw new Error('No nats-server here: run the tests by `make test`.')
  const directory = mkdtempSync(path.join(tmpdir(), 'tidemark-nats-'))
  let server = await startNats({ program, directory })
  const { port, url } = server
  const files = path.join(directory, 'jetstream')

  async function restart() {
    await server.stop()
    server = await startNats({ program: program ?? '', directory, preferredPort: port })
    if (server.port !== port) throw new Error(`Port ${port} was taken by another program.`)
  }

  t.teardown(async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    url,
    files,
    restart,
    async kill() {
      server.child.kill('SIGKILL')
      await server.child.exited
    },
    async wipe() {
      await server.stop()
      rmSync(files, { recursive: true, force: true })
      await restart()
    },
  }
}
