import type { Json } from '../../../kernel/json.ts'
import { describe, fail } from '../values.ts'
import { type Natives, value0, value2, value3 } from './define.ts'
import { gamma, logGamma } from './gamma.ts'

const UNARY: Readonly<Record<string, (value: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round: (value) => Math.sign(value) * Math.round(Math.abs(value)),
  trunc: Math.trunc,
  rint: roundedToEven,
  nearbyint: roundedToEven,
  fabs: Math.abs,
  sqrt: Math.sqrt,
  cbrt: Math.cbrt,
  exp: Math.exp,
  exp2: (value) => 2 ** value,
  exp10: (value) => 10 ** value,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  logb: (value) => (value === 0 ? Number.NEGATIVE_INFINITY : split(value).exponent - 1),
  significand: (value) => (isSplit(value) ? 2 * split(value).fraction : value),
  gamma: logGamma,
  lgamma: logGamma,
  lgamma_r: logGamma,
  tgamma: gamma,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
}

const BINARY: Readonly<Record<string, (left: number, right: number) => number>> = {
  pow: (base, exponent) => (base === 1 ? 1 : base ** exponent),
  atan2: Math.atan2,
  fmin: (left, right) =>
    Number.isNaN(left) ? right : Number.isNaN(right) ? left : Math.min(left, right),
  fmax: (left, right) =>
    Number.isNaN(left) ? right : Number.isNaN(right) ? left : Math.max(left, right),
  fmod: (left, right) => left % right,
  hypot: Math.hypot,
  copysign: (size, sign) => (sign < 0 || Object.is(sign, -0) ? -Math.abs(size) : Math.abs(size)),
  drem: remainder,
  ldexp: scaled,
  scalb: scaled,
  scalbln: scaled,
  nextafter: nextAfter,
  nexttoward: nextAfter,
}

export const MATH: Natives = {
  ...Object.fromEntries(
    Object.entries(UNARY).map(([name, apply]) => [
      `${name}/0`,
      value0((_run, input) => apply(numberOf(input))),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(BINARY).map(([name, apply]) => [
      `${name}/2`,
      value2((_run, _input, left, right) => apply(numberOf(left), numberOf(right))),
    ]),
  ),
  'fma/3': value3(
    (_run, _input, left, right, sum) => numberOf(left) * numberOf(right) + numberOf(sum),
  ),
  'infinite/0': value0(() => Number.POSITIVE_INFINITY),
  'nan/0': value0(() => Number.NaN),
  'isinfinite/0': value0((_run, input) => Math.abs(numberOf(input)) === Number.POSITIVE_INFINITY),
  'isnan/0': value0((_run, input) => Number.isNaN(numberOf(input))),
  'isnormal/0': value0((_run, input) => isNormal(numberOf(input))),
  'frexp/0': value0((_run, input) => {
    const value = numberOf(input)
    if (!isSplit(value)) return [value, 0]
    const { fraction, exponent } = split(value)
    return [fraction, exponent]
  }),
  'modf/0': value0((_run, input) => {
    const value = numberOf(input)
    const whole = Math.trunc(value)
    return [Number.isFinite(value) ? value - whole : 0 * Math.sign(value), whole]
  }),
}

function numberOf(value: Json): number {
  return typeof value === 'number' ? value : fail(`${describe(value)} number required`)
}

const SMALLEST_NORMAL = 2 ** -1022

function isNormal(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) >= SMALLEST_NORMAL
}

function roundedToEven(value: number): number {
  const rounded = Math.round(value)
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function isSplit(value: number): boolean {
  return Number.isFinite(value) && value !== 0
}

/** `value` is `fraction` times two to the `exponent`; the fraction is at least a half. */
function split(value: number): { fraction: number; exponent: number } {
  let exponent = Math.max(-1023, Math.floor(Math.log2(Math.abs(value))) + 1)
  let fraction = scaled(value, -exponent)
  for (; Math.abs(fraction) < 0.5; exponent--) fraction *= 2
  for (; Math.abs(fraction) >= 1; exponent++) fraction /= 2
  return { fraction, exponent }
}

/** In two steps: the power itself may be too large or too small to be a number. */
function scaled(value: number, exponent: number): number {
  const whole = Math.max(-2_200, Math.min(Math.trunc(exponent), 2_200))
  const half = Math.trunc(whole / 2)
  return value * 2 ** half * 2 ** (whole - half)
}

/** IEEE 754: what is left when the nearest multiple is taken away. */
function remainder(left: number, right: number): number {
  if (right === 0 || !Number.isFinite(left)) return Number.NaN
  if (!Number.isFinite(right)) return left
  return left - right * roundedToEven(left / right)
}

function nextAfter(from: number, to: number): number {
  if (Number.isNaN(from) || Number.isNaN(to)) return Number.NaN
  if (from === to) return to
  if (from === 0) return to > 0 ? Number.MIN_VALUE : -Number.MIN_VALUE
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, from)
  const isAway = to > from === from > 0
  view.setBigInt64(0, view.getBigInt64(0) + (isAway ? 1n : -1n))
  return view.getFloat64(0)
}
