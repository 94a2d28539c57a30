import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import type { ServerExit, ServerProcess } from '../../services/ports/sandbox.ts'
import type { Command } from './bubblewrap.ts'

/**
 * Starts the command as the leader of a process group of its own, with exactly its environment.
 *
 * @throws {Error} when it cannot be started at all.
 */
export async function spawnGroup(command: Command): Promise<ServerProcess> {
  const [program = '', ...parameters] = command.line
  const child = spawn(program, parameters, {
    cwd: '/',
    env: command.environment,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  })
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  const pid = child.pid
  if (pid === undefined) throw new Error('The process has no id.')
  const descriptor3 = child.stdio[3] as Writable
  descriptor3.on('error', () => {})
  descriptor3.end(command.descriptor3 ?? '')
  // Who uses the streams adds its own; without any, a write to a dead server would end this program.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {})
  void exited.then(() => killGroup(pid))
  return {
    pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    async kill() {
      killGroup(pid)
      await exited
    },
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left in the group.
  }
}
