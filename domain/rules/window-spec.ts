/** Which past events a window has, of one subject. Windows with equal `key` are one. */
export type WindowSpec = {
  readonly key: string
  readonly type: string
  readonly durationMs: number
  /** Only what came after the last event of this type, if that one is within the duration. */
  readonly since: string | undefined
  /** CEL over `it`, a past event's data. */
  readonly filter: string | undefined
  /** CEL over `it`: what is summed up or ranked. */
  readonly value: string | undefined
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
export const MAX_DURATION_MS = 7 * 86_400_000

/** Reads `10m` or `10m since ServerUpdated`. @returns undefined when it is neither, or longer than 7 days. */
export function parseSpan(
  text: string,
): { readonly durationMs: number; readonly since: string | undefined } | undefined {
  const [, count, unit = '', since] =
    /^(\d{1,6})([smhd])(?: since ([\w.]{1,100}))?$/.exec(text) ?? []
  const durationMs = Number(count) * (UNIT_MS[unit] ?? Number.NaN)
  return durationMs >= 1_000 && durationMs <= MAX_DURATION_MS ? { durationMs, since } : undefined
}

export function windowSpec(parts: Omit<WindowSpec, 'key'>): WindowSpec {
  const { type, durationMs, since, filter, value } = parts
  return { ...parts, key: JSON.stringify([type, durationMs, since, filter, value]) }
}

/** The position of each argument of the window functions, and what they give. */
export const WINDOW_FUNCTIONS = {
  /** How many events. */
  count: { value: undefined, fraction: undefined, filter: 2, needed: 2, gives: 'int' },
  /** The share of events that pass the filter, 0 to 1; 0 when there are none. */
  rate: { value: undefined, fraction: undefined, filter: 2, needed: 3, gives: 'double' },
  sum: { value: 2, fraction: undefined, filter: 3, needed: 3, gives: 'double' },
  /** Nearest rank, 0 when there are no events. */
  percentile: { value: 2, fraction: 3, filter: 4, needed: 4, gives: 'double' },
} as const
export type WindowFunction = keyof typeof WINDOW_FUNCTIONS

export function isWindowFunction(name: string): name is WindowFunction {
  return Object.hasOwn(WINDOW_FUNCTIONS, name)
}
