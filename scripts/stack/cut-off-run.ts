import { commandLine, environmentOf, processIds } from './processes.ts'

/** Every process that a test run starts, and that these start, inherits this variable. */
export const RUN_VARIABLE = 'TIDEMARK_TEST_RUN'

/**
 * Ends what a test that was cut off could not end itself.
 *
 * @returns their command lines; empty where there is no `/proc`.
 */
export function endLeftovers(run: string): readonly string[] {
  const marked = `${RUN_VARIABLE}=${run}`
  const found = processIds().filter((pid) => environmentOf(pid).includes(marked))
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
