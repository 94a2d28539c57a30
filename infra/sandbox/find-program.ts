import { accessSync, constants } from 'node:fs'
import path from 'node:path'

/** System tools are often outside an ordinary user's PATH. */
const SYSTEM = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin']

/** @returns undefined when neither PATH nor the system's own directories have it. */
export function findProgram(name: string, searchPath = process.env.PATH): string | undefined {
  const places = [...(searchPath ?? '').split(path.delimiter).filter(path.isAbsolute), ...SYSTEM]
  return places.map((place) => path.join(place, name)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
