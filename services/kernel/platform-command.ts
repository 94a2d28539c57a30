import { Ajv, type ErrorObject } from 'ajv'
import addFormats from 'ajv-formats'
import type { Static, TObject } from 'typebox'
import type { Scope } from '../../domain/identity/scopes.ts'
import type { Position } from '../ports/event-store.ts'
import type { CommandContext } from './execute.ts'
import { problem } from './problem.ts'
import { faultEntry } from './validation.ts'

// What rules and workflows may do: a short list of commands, each with the scope that a key needs
// for its route. Contexts offer theirs, and services/main gathers them.

/** `commandId` is a UUID: the same one is carried out once, however often it comes. */
export type OwedCommandContext = CommandContext & { readonly commandId: string }

export type Performed = {
  /** That the command was about. */
  readonly stream: string
  readonly position: Position
  /** JSON: what the command's route answers. */
  readonly result: Readonly<Record<string, unknown>>
}

/** What of an input does not fit the parameters. */
export type InputFault = ErrorObject

export type PlatformCommand = {
  readonly name: string
  /** One line for a person. */
  readonly summary: string
  /** That whoever gives the command holds. */
  readonly access: Scope
  readonly parameters: TObject
  readonly faultsOf: (input: unknown) => readonly InputFault[]
  /**
   * @throws {ProblemError} 422 `invalid-parameters` when `input` does not fit `parameters`; whatever the
   *   command's route would answer.
   */
  readonly perform: (input: unknown, context: OwedCommandContext) => Promise<Performed>
}

/** By name. */
export type PlatformCommands = ReadonlyMap<string, PlatformCommand>

type Spec<Parameters extends TObject> = Omit<
  PlatformCommand,
  'parameters' | 'faultsOf' | 'perform'
> & {
  readonly parameters: Parameters
  readonly perform: (input: Static<Parameters>, context: OwedCommandContext) => Promise<Performed>
}

const ajv = addFormats.default(new Ajv({ allErrors: true, strict: false }))
const MAX_ERRORS = 20

/** A command whose input is checked before it is performed. */
export function platformCommand<Parameters extends TObject>({
  perform,
  ...spec
}: Spec<Parameters>): PlatformCommand {
  const isInput = ajv.compile<Static<Parameters>>(spec.parameters)
  return {
    ...spec,
    faultsOf: (input) => (isInput(input) ? [] : [...(isInput.errors ?? [])]),
    async perform(input, context) {
      if (isInput(input)) return perform(input, context)
      const errors = (isInput.errors ?? []).slice(0, MAX_ERRORS)
      throw problem(
        422,
        'invalid-parameters',
        `The parameters of "${spec.name}" do not fit: ${ajv.errorsText(errors).slice(0, 300)}.`,
        errors.map((fault) => faultEntry('parameters', fault)),
      )
    },
  }
}

/** @throws {Error} when two commands have one name. */
export function gatherCommands(
  ...lists: readonly (readonly PlatformCommand[])[]
): PlatformCommands {
  const commands = new Map<string, PlatformCommand>()
  for (const command of lists.flat()) {
    if (commands.has(command.name)) throw new Error(`Two commands are called "${command.name}".`)
    commands.set(command.name, command)
  }
  return commands
}
