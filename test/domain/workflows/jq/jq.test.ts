import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Json } from '../../../../domain/kernel/json.ts'
import { isSame, type Outcome, oracleOutcomes, ownOutcome } from '../../../support/jq-oracle.ts'

const INPUTS: readonly Json[] = [
  null,
  true,
  -1.5,
  7,
  '',
  'abc',
  'é😀 x,y',
  [],
  [1, 2, 3],
  [[1, 'a'], null, { a: 1 }, 'b'],
  {},
  { a: 1, b: 2 },
  { a: { b: [1, { c: null }] }, b: 'x' },
  { a: [3, 1, 2], k: false },
]

/** `programs.txt`: a topic of jq's manual after `##`, then a program a line. */
function topics(): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(new URL('./programs.txt', import.meta.url), 'utf8')
  const sections = text.split(/^## /m).slice(1)
  return new Map(
    sections.map((section) => {
      const [topic = '', ...programs] = section.trimEnd().split('\n')
      return [topic, programs]
    }),
  )
}

/** The topics in which the texts of errors are compared too. */
const TEXTS = 'texts of errors'

function saysTheSame(own: Outcome, expected: Outcome): boolean {
  return isSame(own, expected) && JSON.stringify(own.error) === JSON.stringify(expected.error)
}

for (const [topic, programs] of topics())
  t.test(`${topic}: the same outputs and the same errors as jq`, async (t) => {
    const theirs = oracleOutcomes(programs, INPUTS)
    const differences = programs.flatMap((program, at) =>
      INPUTS.flatMap((input, place) => {
        const own = ownOutcome(program, input)
        const expected = theirs[at]?.[place] ?? { outputs: [] }
        const agrees = topic.startsWith(TEXTS) ? saysTheSame(own, expected) : isSame(own, expected)
        return agrees ? [] : [{ program, input, own, expected }]
      }),
    )
    t.same(differences, [])
  })
