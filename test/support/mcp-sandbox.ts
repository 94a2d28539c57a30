import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NpmRuntime } from '../../domain/installer/events.ts'
import type { Sandbox, ServerExit, ServerProcess } from '../../services/ports/sandbox.ts'

const script = fileURLToPath(new URL('./mcp-fake-server.mjs', import.meta.url))

/** Where `mcp-fake-server.mjs` is, as if the installer had put it there. */
export const FAKE_RUNTIME: NpmRuntime = {
  kind: 'npm',
  directory: path.dirname(script),
  entry: path.basename(script),
  lockSha256: '0'.repeat(64),
  treeSha256: '0'.repeat(64),
  packages: 1,
  sizeBytes: 1,
}

export type OpenSandbox = Sandbox & {
  /** Every process that was started, also those that have ended. */
  readonly started: ServerProcess[]
}

/** Starts the script as it is, for tests that are not about the sandbox. */
export function openSandbox(t: {
  readonly teardown: (end: () => Promise<void>) => void
}): OpenSandbox {
  const started: ServerProcess[] = []
  t.teardown(async () => {
    await Promise.all(started.map((process) => process.kill()))
  })
  return {
    started,
    status: { available: true, kind: 'none' },
    async spawnServer({ directory, entry }, { arguments: given, environment }, secrets) {
      const child = spawn(process.execPath, [path.join(directory, entry), ...given], {
        detached: true,
        env: { ...environment, ...secrets },
      })
      const exited = new Promise<ServerExit>((resolve) => {
        child.once('exit', (code, signal) => resolve({ code, signal }))
      })
      const server: ServerProcess = {
        pid: child.pid ?? 0,
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        exited,
        async kill() {
          child.kill('SIGKILL')
          await exited
        },
      }
      started.push(server)
      return server
    },
  }
}
