import type { CompiledAction } from '../../domain/rules/owed-action.ts'
import { sampleOf } from '../../domain/rules/parameter-sample.ts'
import type { InputFault, PlatformCommand } from '../kernel/platform-command.ts'
import { problem } from '../kernel/problem.ts'
import { faultEntry } from '../kernel/validation.ts'

const MAX_FAULTS = 20

/**
 * What of a command's parameters is written down, and not computed, has to fit; what is computed has to be of
 * a type that fits, where the type is known. The rest shows when the command is given.
 *
 * @param index of the action in the rule.
 * @throws {ProblemError} 422 `rule-parameters-invalid`
 */
export function requireParameters(
  command: PlatformCommand,
  { parameters }: CompiledAction,
  index: number,
): void {
  const { value, computed } = sampleOf(parameters)
  const faults = command.faultsOf(value)
  const known = faults.filter((fault) => counts(fault, faults, computed))
  if (known.length === 0) return
  throw problem(
    422,
    'rule-parameters-invalid',
    `The parameters of "${command.name}" do not fit; \`errors\` says where.`,
    known
      .slice(0, MAX_FAULTS)
      .map((fault) => faultEntry(`body/actions/${index}/parameters`, fault)),
  )
}

/** Of a value that is computed only its type can be wrong already: wrong for all that the parameter may be. */
function counts(
  { instancePath: at, keyword }: InputFault,
  all: readonly InputFault[],
  computed: ReadonlyMap<string, boolean>,
): boolean {
  const isKnown = computed.get(at)
  if (isKnown !== undefined)
    return isKnown && all.every((other) => other.instancePath !== at || isAboutType(other))
  const isEither = keyword === 'anyOf' || keyword === 'oneOf'
  return ![...computed.keys()].some(
    (place) => at.startsWith(`${place}/`) || (isEither && place.startsWith(`${at}/`)),
  )
}

function isAboutType({ keyword }: InputFault): boolean {
  return keyword === 'type' || keyword === 'anyOf'
}
