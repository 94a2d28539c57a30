import type { BinaryOperator, SourceRange } from '@marcbachmann/cel-js'
import { charge, chargeText, EvaluationFault, type Run } from './run.ts'
import { compare, Duration, equals, isCelRecord, noOverload } from './values.ts'

const MAX_INT = 2n ** 63n - 1n
const MIN_INT = -(2n ** 63n)

type Operation = (run: Run, a: unknown, b: unknown, at: SourceRange) => unknown

export const BINARY: Readonly<Record<BinaryOperator, Operation>> = {
  '==': equals,
  '!=': (run, a, b, at) => !equals(run, a, b, at),
  '<': (_, a, b, at) => compare(a, b, '<', at) < 0,
  '<=': (_, a, b, at) => compare(a, b, '<=', at) <= 0,
  '>': (_, a, b, at) => compare(a, b, '>', at) > 0,
  '>=': (_, a, b, at) => compare(a, b, '>=', at) >= 0,
  '+': add,
  '-': subtract,
  '*': (_, a, b, at) =>
    numbers(
      a,
      '*',
      b,
      at,
      (x, y) => x * y,
      (x, y) => x * y,
    ),
  '/': (_, a, b, at) =>
    numbers(
      a,
      '/',
      b,
      at,
      (x, y) => x / nonZero(y, at),
      (x, y) => x / y,
    ),
  '%': remainder,
  in: isIn,
}

/** Numbers of one type: CEL never mixes int and double in arithmetic. */
function numbers(
  a: unknown,
  operator: string,
  b: unknown,
  at: SourceRange,
  ints: (a: bigint, b: bigint) => bigint,
  doubles: (a: number, b: number) => number,
): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') return doubles(a, b)
  if (typeof a === 'bigint' && typeof b === 'bigint') return int64(ints(a, b), at)
  throw noOverload(a, operator, b, at)
}

export function int64(value: bigint, at: SourceRange): bigint {
  if (value > MAX_INT || value < MIN_INT)
    throw new EvaluationFault('The integer does not fit in 64 bits.', at)
  return value
}

function nonZero(divisor: bigint, at: SourceRange): bigint {
  if (divisor === 0n) throw new EvaluationFault('Division by zero.', at)
  return divisor
}

function add(run: Run, a: unknown, b: unknown, at: SourceRange): unknown {
  if (typeof a === 'string' && typeof b === 'string') {
    chargeText(run, a.length + b.length, at)
    return a + b
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    charge(run, a.length + b.length, at)
    return [...a, ...b]
  }
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.ms + b.ms)
  if (a instanceof Date && b instanceof Duration) return instant(a.getTime() + b.ms, at)
  if (a instanceof Duration && b instanceof Date) return instant(a.ms + b.getTime(), at)
  return numbers(
    a,
    '+',
    b,
    at,
    (x, y) => x + y,
    (x, y) => x + y,
  )
}

function subtract(_: Run, a: unknown, b: unknown, at: SourceRange): unknown {
  if (a instanceof Date && b instanceof Date) return new Duration(a.getTime() - b.getTime())
  if (a instanceof Date && b instanceof Duration) return instant(a.getTime() - b.ms, at)
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.ms - b.ms)
  return numbers(
    a,
    '-',
    b,
    at,
    (x, y) => x - y,
    (x, y) => x - y,
  )
}

/** Years 1 to 9999, as protobuf's Timestamp. */
export function instant(ms: number, at: SourceRange): Date {
  if (!(ms >= -62_135_596_800_000 && ms <= 253_402_300_799_999))
    throw new EvaluationFault('The timestamp is not between the years 1 and 9999.', at)
  return new Date(ms)
}

function remainder(_: Run, a: unknown, b: unknown, at: SourceRange): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a % nonZero(b, at)
  throw noOverload(a, '%', b, at)
}

function isIn(run: Run, item: unknown, within: unknown, at: SourceRange): boolean {
  if (Array.isArray(within)) {
    charge(run, within.length, at)
    return within.some((each) => equals(run, item, each, at))
  }
  if (isCelRecord(within) && typeof item === 'string') return Object.hasOwn(within, item)
  throw noOverload(item, 'in', within, at)
}
