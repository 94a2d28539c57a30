import { accessSync, constants, statSync } from 'node:fs'
import path from 'node:path'

/** Where distributions put servers, whether or not an ordinary user's PATH has it. */
const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
]

/** @returns the first `program` in PATH, the system's folders or `extra`; undefined when there is none. */
export function locate(program: string, extra: readonly string[] = []): string | undefined {
  const inPath = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '')
  return [...inPath, ...SYSTEM_FOLDERS, ...extra]
    .map((folder) => path.resolve(folder, program))
    .find(isProgram)
}

export function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
