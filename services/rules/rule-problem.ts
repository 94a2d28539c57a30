import type { RuleProblem } from '../../domain/rules/owed-action.ts'
import { type ProblemError, problem } from '../kernel/problem.ts'

/**
 * What is written in CEL does not compile: 422, with the place and the text around it.
 *
 * @param body where the rule is in the request, as a JSON pointer.
 */
export function conditionInvalid(found: RuleProblem, body: string): ProblemError {
  const { where, message, line, column, excerpt } = found
  const place = `line ${line}, column ${column}: ${message}`
  return problem(422, 'rule-condition-invalid', `${where}, ${place}${excerpt && `\n${excerpt}`}`, [
    { pointer: `${body}/${where}`, detail: place },
  ])
}
