import { readdirSync, readFileSync } from 'node:fs'
import { commandLine } from './leftover.ts'

/** Every process that a test run starts, and that these start, inherits this variable. */
export const RUN_VARIABLE = 'TIDEMARK_TEST_RUN'

/**
 * Ends what a test that was cut off could not end itself.
 *
 * @returns their command lines; empty where there is no `/proc`.
 */
export function endLeftovers(run: string): readonly string[] {
  const marked = `${RUN_VARIABLE}=${run}`
  const found = processes().filter((pid) => environmentOf(pid).includes(marked))
  return found.map((pid) => {
    const command = commandLine(pid)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself in this moment.
    }
    return command
  })
}

function processes(): readonly number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0)
  } catch {
    return []
  }
}

/** Empty when the process is gone or somebody else's. */
function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}
