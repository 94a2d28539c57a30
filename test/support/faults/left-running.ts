import { commandLine, environmentOf, processIds } from '../../../scripts/stack/processes.ts'

/**
 * Processes of this machine whose command line or environment names `directory`: a program's
 * data directory is in those of everything that the program starts.
 *
 * @returns a line for each; none where there is no /proc.
 */
export function leftRunning(directory: string): string[] {
  return processIds().flatMap((pid) => {
    const command = commandLine(pid)
    const names = [command, ...environmentOf(pid)].some((text) => text.includes(directory))
    return names && pid !== process.pid ? [`${pid}: ${command}`] : []
  })
}
