import { loadJq } from 'jq-wasm'
import type { Json } from '../../domain/kernel/json.ts'
import { JqError, JqLimitError } from '../../domain/workflows/jq/errors.ts'
import { compileJq, runJq } from '../../domain/workflows/jq/jq.ts'

/** What a program does with an input: its outputs up to the first error, and what that says. */
export type Outcome = { readonly outputs: readonly Json[]; readonly error?: Json }

/** The same outputs, and then an error or none. */
export function isSame(left: Outcome, right: Outcome): boolean {
  return (
    JSON.stringify(left.outputs) === JSON.stringify(right.outputs) &&
    'error' in left === 'error' in right
  )
}

export const LIMITS = { maxSteps: 1_000_000, maxBytes: 50_000_000, now: 0, variables: {} }

const jq = await loadJq()

/** jq itself, on each program and each input, in one call: a call costs a millisecond. */
export function oracleOutcomes(
  programs: readonly string[],
  inputs: readonly Json[],
): readonly (readonly Outcome[])[] {
  const columns = programs.map((program) => `[.[] | ${observed(program)}]`)
  const { stdout, stderr, exitCode } = jq.raw(inputs as never, `[${columns.join(',')}]`, ['-c'])
  if (exitCode !== 0) throw new Error(`jq refuses one of ${programs.join('  ')}: ${stderr}`)
  return JSON.parse(stdout)
}

/** The outputs are kept as they come, so that those before an error are seen. */
function observed(program: string): string {
  return `(. as $in | reduce (($in | try ((${program}) | {output: .}) catch {error: .})) as $o
    ({outputs: []}; if $o | has("error") then .error = $o.error else .outputs += [$o.output] end))`
}

/** Whether jq can compile it. */
export function oracleAccepts(program: string): boolean {
  return jq.raw(null, program, ['-c']).exitCode !== 3
}

export function ownOutcome(program: string, input: Json): Outcome {
  const compiled = compileJq(`try ((${program}) | {output: .}) catch {error: .}`)
  try {
    const outputs = runJq(compiled, input, LIMITS) as readonly { output?: Json; error?: Json }[]
    const error = outputs.find((each) => 'error' in each)
    const kept = outputs.flatMap((each) => ('output' in each ? [each.output ?? null] : []))
    return error === undefined ? { outputs: kept } : { outputs: kept, error: error.error ?? null }
  } catch (fault) {
    if (fault instanceof JqError || fault instanceof JqLimitError)
      return { outputs: [], error: fault.message }
    throw fault
  }
}
