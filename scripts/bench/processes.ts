import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

const KIB_PER_MIB = 1_024

/** Resident memory of a process in MiB, from Linux: now, and the most that it ever was. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kibibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { now: kibibytes('VmRSS') / KIB_PER_MIB, peak: kibibytes('VmHWM') / KIB_PER_MIB }
}

/** What a Node process needs before it does anything. */
export async function bareNodeMemory(): Promise<number> {
  const says = "console.log('ready'); setInterval(() => {}, 1_000)"
  const child = spawn(process.execPath, ['--eval', says], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(child.stdout, 'data')
    return memoryOf(child.pid ?? 0).peak
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}
