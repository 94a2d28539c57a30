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

export type SearchPath = {
  readonly PATH?: string | undefined
  /** Searched after PATH. */
  readonly systemFolders?: readonly string[]
}

/** @returns the first `program` in PATH, the system's folders or `more`; undefined when there is none. */
export function locate(
  program: string,
  more: readonly string[] = [],
  { PATH = process.env.PATH, systemFolders = SYSTEM_FOLDERS }: SearchPath = {},
): string | undefined {
  const inPath = (PATH ?? '').split(path.delimiter).filter((folder) => folder !== '')
  return [...inPath, ...systemFolders, ...more]
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
