import type { Json } from '../../kernel/json.ts'
import { fault } from './fault.ts'

const UNITS = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
}
/** Longer ones are as good as never. */
const MAX_MS = 100 * 366 * UNITS.days
const ISO =
  /^P(?:([\d.]+)Y)?(?:([\d.]+)M)?(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/
/** A year has 365 days and a month 30: what is waited for has no calendar. */
const ISO_UNITS = [365, 30, 7, 1].map((days) => days * UNITS.days).concat(3_600_000, 60_000, 1_000)

/**
 * A duration with its expressions evaluated, in ms.
 *
 * @throws {TaskFault} when it is none.
 */
export function durationMs(duration: Json): number {
  const ms = typeof duration === 'string' ? isoMs(duration) : membersMs(duration)
  if (ms === undefined || !Number.isFinite(ms) || ms < 0)
    throw fault(
      'expression',
      'A duration is neither one of ISO 8601, such as PT5S, nor an object such as { minutes: 5 }.',
    )
  return Math.min(MAX_MS, Math.round(ms))
}

function isoMs(text: string): number | undefined {
  const [, ...parts] = ISO.exec(text) ?? []
  if (parts.every((part) => part === undefined)) return undefined
  return parts.reduce((sum, part, index) => sum + Number(part ?? 0) * (ISO_UNITS[index] ?? 0), 0)
}

function membersMs(duration: Json): number | undefined {
  if (typeof duration !== 'object' || duration === null || Array.isArray(duration)) return undefined
  const members = Object.entries(duration)
  if (members.length === 0) return undefined
  return members.reduce((sum, [unit, amount]) => sum + partMs(unit, amount), 0)
}

function partMs(unit: string, amount: unknown): number {
  const isPart = Object.hasOwn(UNITS, unit) && typeof amount === 'number'
  return isPart ? amount * UNITS[unit as keyof typeof UNITS] : Number.NaN
}

export function after(now: string, ms: number): string {
  return new Date(Date.parse(now) + ms).toISOString()
}
