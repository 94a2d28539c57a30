import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** A process that serves on this machine. */
export type ServingProcess = {
  /** Where programs of this machine reach it. */
  readonly address: string
  readonly roles: readonly string[]
  readonly pid: number
}

const DIRECTORY = 'addresses'

/** Lets programs that share the data directory find the process: one file for each address. */
export async function listAddress(dataDirectory: string, serving: ServingProcess): Promise<void> {
  const file = fileOf(dataDirectory, serving)
  await mkdir(path.dirname(file), { recursive: true })
  const draft = path.join(path.dirname(file), `.${serving.pid}`)
  await writeFile(draft, `${JSON.stringify(serving)}\n`)
  await rename(draft, file)
}

/** Unless another process has taken the address since. */
export async function unlistAddress(dataDirectory: string, serving: ServingProcess): Promise<void> {
  const file = fileOf(dataDirectory, serving)
  if (read(file)?.pid === serving.pid) await rm(file, { force: true })
}

/** The living processes on this data directory, the last started first. */
export function servingProcesses(dataDirectory: string): readonly ServingProcess[] {
  const directory = path.join(dataDirectory, DIRECTORY)
  return namesIn(directory)
    .map((name) => path.join(directory, name))
    .flatMap((file) => {
      const serving = read(file)
      return serving === undefined || !isAlive(serving.pid) ? [] : [{ file, serving }]
    })
    .sort((a, b) => startedAt(b.file) - startedAt(a.file))
    .map(({ serving }) => serving)
}

function fileOf(dataDirectory: string, { address }: ServingProcess): string {
  return path.join(dataDirectory, DIRECTORY, new URL(address).host)
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => !name.startsWith('.'))
  } catch {
    return []
  }
}

/** @returns undefined when it has gone, or is not what `listAddress` wrote. */
function read(file: string): ServingProcess | undefined {
  try {
    const { address, roles, pid } = JSON.parse(readFileSync(file, 'utf8'))
    const isOurs = URL.canParse(address) && Array.isArray(roles) && Number.isInteger(pid)
    return isOurs ? { address, roles: roles.map(String), pid } : undefined
  } catch {
    return undefined
  }
}

function startedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** A process that was killed left its file. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
