import * as fc from 'fast-check'
import t from 'tap'
import type { Json } from '../../../../domain/kernel/json.ts'
import { type Outcome, oracleOutcomes, ownOutcome } from '../../../support/jq-oracle.ts'
import { inputs, isDoubtful, programs } from '../../../support/jq-programs.ts'

/** `JQ_PROGRAMS=100000` compares more of them, `JQ_SEED` others. */
const PROGRAMS = Number(process.env.JQ_PROGRAMS ?? 1_500)
const SEED = Number(process.env.JQ_SEED ?? 20_261_121)
const AT_ONCE = 50

t.test('generated programs give what jq gives', async (t) => {
  const samples = fc
    .sample(programs, { numRuns: PROGRAMS, seed: SEED })
    .filter((program) => !isDoubtful(program))
  const values = fc.sample(inputs, { numRuns: 4 * PROGRAMS, seed: SEED })
  const differences: unknown[] = []
  for (let from = 0; from < samples.length; from += AT_ONCE) {
    const some = samples.slice(from, from + AT_ONCE)
    const given = values.slice(4 * from, 4 * from + 4)
    const theirs = oracleOutcomes(some, given)
    for (const [at, program] of some.entries())
      for (const [place, input] of given.entries())
        differences.push(...differenceOf(program, input, theirs[at]?.[place]))
  }
  t.same(differences.slice(0, 10), [], `${differences.length} of ${4 * PROGRAMS} differ`)
})

function differenceOf(program: string, input: Json, theirs: Outcome | undefined) {
  const own = ownOutcome(program, input)
  const isSame =
    theirs !== undefined &&
    JSON.stringify(own.outputs) === JSON.stringify(theirs.outputs) &&
    'error' in own === 'error' in theirs
  return isSame ? [] : [{ program, input, own, theirs }]
}
