import { loadJq } from 'jq-wasm'
import type { Json } from '../../domain/kernel/json.ts'
import { compileJq, runJq } from '../../domain/workflows/jq/jq.ts'
import { alternately, type Measurement, measurement, secondsOf } from './measure.ts'

/** What definitions of workflows ask: conditions, inputs of calls, what is kept of answers. */
const PROGRAMS = [
  '.order.total > 100 and .order.status == "open"',
  '{id: .order.id, lines: [.order.lines[] | {sku, cost: (.quantity * .price)}]}',
  '[.order.lines[] | select(.quantity > 1) | .sku] | join(",")',
  '.order.lines | map(.quantity * .price) | add',
  '.order.customer.name | ascii_upcase | test("^A[A-Z]+$")',
  'reduce .order.lines[] as $line ({}; .[$line.sku] += $line.quantity)',
  '.order.lines |= (sort_by(.price) | reverse | .[:2])',
  '"\\(.order.id) for \\(.order.customer.name // "nobody")"',
]

const INPUT = {
  order: {
    id: 'o-17',
    status: 'open',
    total: 120.5,
    customer: { name: 'ada', tier: 2 },
    lines: Array.from({ length: 8 }, (_, at) => ({
      sku: `s${at % 5}`,
      quantity: at,
      price: 1.5 * at,
    })),
  },
} satisfies Json

const LIMITS = { maxSteps: 1_000_000, maxBytes: 50_000_000, now: 0, variables: {} }

/** Evaluations a second of compiled programs; the limit is jq itself, compiled to WebAssembly. */
export async function benchJq(): Promise<Measurement> {
  const jq = await loadJq()
  const compiled = PROGRAMS.map((program) => compileJq(program))
  const { value, limit } = await alternately(
    3,
    () => rateOf(20_000, () => compiled.forEach((program) => void runJq(program, INPUT, LIMITS))),
    () => rateOf(40, () => PROGRAMS.forEach((program) => void jq.json(INPUT, program))),
  )
  return measurement('jq.eval', value, 'evaluations/s', limit)
}

async function rateOf(rounds: number, evaluateAll: () => void): Promise<number> {
  const seconds = await secondsOf(async () => {
    for (let round = 0; round < rounds; round++) evaluateAll()
  })
  return (rounds * PROGRAMS.length) / seconds
}
