import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import path from 'node:path'
import { isProgram, locate } from '../../scripts/stack/locate.ts'

/** The newest release that the bus was tried with. */
export const CURRENT_NATS = 'v2.15.2'

const BUILD_TIMEOUT_MS = 60_000

/**
 * The program of `CURRENT_NATS`: a path given by NATS_SERVER_BIN_CURRENT, one built before, or
 * built now where Go is present, into the user's cache.
 *
 * @returns else the reason why there is none.
 */
export function currentNats(): { readonly program: string } | { readonly reason: string } {
  const given = process.env.NATS_SERVER_BIN_CURRENT
  if (given !== undefined) return { program: given }
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache')
  const directory = path.join(cache, 'tidemark', `nats-server-${CURRENT_NATS}`)
  const program = path.join(directory, 'nats-server')
  if (isProgram(program)) return { program }
  const go = locate('go', ['/usr/local/go/bin'])
  if (go === undefined) return { reason: 'there is no Go to build it with' }
  const built = spawnSync(go, ['install', `github.com/nats-io/nats-server/v2@${CURRENT_NATS}`], {
    env: { ...process.env, GOBIN: directory, GOFLAGS: '-mod=mod' },
    stdio: 'ignore',
    timeout: BUILD_TIMEOUT_MS,
  })
  return built.status === 0 ? { program } : { reason: 'Go could not build it within a minute' }
}
