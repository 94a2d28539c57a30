import { readdirSync, readFileSync } from 'node:fs'

/** Every process that a test run starts, and that these start, inherits this variable. */
export const RUN_VARIABLE = 'TIDEMARK_TEST_RUN'

/**
 * Ends what a test that was cut off could not end itself.
 *
 * @returns the names of the programs; empty where there is no `/proc`.
 */
export function endLeftovers(run: string): readonly string[] {
  const marked = `${RUN_VARIABLE}=${run}`
  const found = processes().filter((pid) => textOf(pid, 'environ').split('\0').includes(marked))
  return found.map((pid) => {
    const name = textOf(pid, 'cmdline').replaceAll('\0', ' ').trim()
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself in this moment.
    }
    return name
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
function textOf(pid: number, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
