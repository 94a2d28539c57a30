import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { commandLine } from './processes.ts'
import { StackError } from './stack-error.ts'

/** Of a source, or of what was built of it. */
const HOLDER = /\bup\.m?[jt]s\b/

export type Ports = { readonly postgres?: number; readonly nats?: number; readonly http?: number }

/** What one `make up` holds while it runs: nobody else may start servers on the same data. */
export type DataDirectory = {
  readonly path: string
  /** Those of the last run. */
  readonly ports: Ports
  readonly rememberPorts: (ports: Ports) => void
  readonly release: () => void
}

/** @throws {StackError} when another `make up` holds it. */
export function holdDataDirectory(
  directory: string,
  isUp: (pid: number) => boolean = (pid) => HOLDER.test(commandLine(pid)),
): DataDirectory {
  mkdirSync(directory, { recursive: true })
  const lock = path.join(directory, 'up.pid')
  const portsFile = path.join(directory, 'ports.json')
  const addresses = path.join(directory, 'addresses')
  takeLock(lock, directory, isUp)
  // Tidemark writes them when it serves; these are of a run that was killed.
  rmSync(addresses, { recursive: true, force: true })
  return {
    path: directory,
    ports: readPorts(portsFile),
    rememberPorts(ports) {
      writeFileSync(portsFile, `${JSON.stringify(ports)}\n`)
    },
    release() {
      rmSync(addresses, { recursive: true, force: true })
      rmSync(lock, { force: true })
    },
  }
}

function takeLock(lock: string, directory: string, isUp: (pid: number) => boolean): void {
  for (;;) {
    try {
      writeFileSync(lock, `${process.pid}\n`, { flag: 'wx' })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = Number.parseInt(readFileSync(lock, 'utf8'), 10)
    if (holder > 1 && isUp(holder))
      throw new StackError(
        `${directory} is in use by another \`make up\` (process ${holder}): stop that one first.`,
      )
    rmSync(lock, { force: true })
  }
}

/** Those of the last run; none when there was none. */
export function readPorts(file: string): Ports {
  try {
    const { postgres, nats, http } = JSON.parse(readFileSync(file, 'utf8'))
    return { ...port('postgres', postgres), ...port('nats', nats), ...port('http', http) }
  } catch {
    return {}
  }
}

function port(name: keyof Ports, value: unknown): Ports {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536
    ? { [name]: value }
    : {}
}
