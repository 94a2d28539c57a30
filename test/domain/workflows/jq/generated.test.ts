import * as fc from 'fast-check'
import t from 'tap'
import type { Json } from '../../../../domain/kernel/json.ts'
import { isSame, type Outcome, oracleOutcomes, ownOutcome } from '../../../support/jq-oracle.ts'
import { inputs, isDoubtful, programs } from '../../../support/jq-programs.ts'

/** `JQ_PROGRAMS=100000` compares more of them, `JQ_SEED` others. */
const PROGRAMS = Number(process.env.JQ_PROGRAMS ?? 1_500)
const SEED = Number(process.env.JQ_SEED ?? 20_261_121)
const AT_ONCE = 50
/** In paths jq meets another error first, and of a wrong pattern it says something else. */
const MOST_OTHER_TEXTS = 0.02

t.test('generated programs give what jq gives, and nearly always say why not as jq', async (t) => {
  const samples = fc
    .sample(programs, { numRuns: PROGRAMS, seed: SEED })
    .filter((program) => !isDoubtful(program))
  const values = fc.sample(inputs, { numRuns: 4 * PROGRAMS, seed: SEED })
  const differences: Evaluation[] = []
  let errors = 0
  let otherTexts = 0
  for (let from = 0; from < samples.length; from += AT_ONCE) {
    const all = evaluations(
      samples.slice(from, from + AT_ONCE),
      values.slice(4 * from, 4 * from + 4),
    )
    differences.push(...all.filter(({ own, theirs }) => !isSame(own, theirs)))
    errors += all.filter(({ theirs }) => 'error' in theirs).length
    otherTexts += all.filter(saysOtherwise).length
  }
  t.same(differences.slice(0, 10), [], `${differences.length} of ${4 * samples.length} differ`)
  t.ok(otherTexts <= MOST_OTHER_TEXTS * errors, `${otherTexts} texts of ${errors} errors differ`)
})

type Evaluation = {
  readonly program: string
  readonly input: Json
  readonly own: Outcome
  readonly theirs: Outcome
}

function evaluations(some: readonly string[], given: readonly Json[]): readonly Evaluation[] {
  const theirs = oracleOutcomes(some, given)
  return some.flatMap((program, at) =>
    given.map((input, place) => ({
      ...{ program, input, own: ownOutcome(program, input) },
      theirs: theirs[at]?.[place] ?? { outputs: [] },
    })),
  )
}

function saysOtherwise({ own, theirs }: Evaluation): boolean {
  return JSON.stringify(own.error) !== JSON.stringify(theirs.error)
}
