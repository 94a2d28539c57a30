import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Test } from 'tap'
import type { TidemarkProcess } from '../program.ts'
import { waitFor } from '../wait-for.ts'

/** One more in twenty may be left of a fault; pools of connections differ by a few from one moment to the next. */
const GROWTH = 1.05
const POOLED = 8
/** Until connections that nobody uses are closed. */
const SETTLED_WITHIN_MS = 30_000

type Program = Pick<TidemarkProcess, 'pid' | 'address'>

/** What living processes have open besides connections of clients, who keep those as long as they want. */
export class OpenFiles {
  readonly #before = new Map<number, number>()

  /** Nothing is left open of a fault: compared with the first time that a process was looked at. */
  async assertSteady(t: Test, programs: Iterable<Program>): Promise<void> {
    for (const program of programs) {
      const first = this.#before.get(program.pid) ?? openFiles(program)
      if (first === undefined) continue
      this.#before.set(program.pid, first)
      const most = Math.floor(first * GROWTH) + POOLED
      const settled = waitFor(
        `no more than ${most} open files`,
        () => (openFiles(program) ?? 0) <= most,
        SETTLED_WITHIN_MS,
      )
      const isSteady = await settled.catch(() => false)
      t.ok(isSteady, `what had ${first} files open has ${openFiles(program)}`)
    }
  }
}

/** @returns undefined for one that has ended, and where there is no /proc. */
function openFiles({ pid, address }: Program): number | undefined {
  try {
    const clients = socketsOf(pid, Number(new URL(address).port))
    const files = `/proc/${pid}/fd`
    return readdirSync(files).filter((name) => !clients.has(targetOf(`${files}/${name}`))).length
  } catch {
    return undefined
  }
}

/** Sockets of the process at this port of its own, as its descriptors name them. */
function socketsOf(pid: number, port: number): ReadonlySet<string> {
  const own = port.toString(16).toUpperCase().padStart(4, '0')
  const sockets = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '']) => local.endsWith(`:${own}`))
  return new Set(sockets.map((columns) => `socket:[${columns[9]}]`))
}

/** A descriptor may be closed between the list and the look. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
