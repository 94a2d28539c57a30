import { readdirSync, readFileSync } from 'node:fs'

/**
 * Processes of this machine whose command line or environment names `directory`: a program's
 * data directory is in those of everything that the program starts.
 *
 * @returns a line for each; none where there is no /proc.
 */
export function leftRunning(directory: string): string[] {
  return processIds().flatMap((pid) => {
    const command = contents(pid, 'cmdline')
    const names = command.includes(directory) || contents(pid, 'environ').includes(directory)
    return names && pid !== process.pid ? [`${pid}: ${command}`] : []
  })
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

function contents(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    // It ended meanwhile, or belongs to another account: then it is none of ours.
    return ''
  }
}
