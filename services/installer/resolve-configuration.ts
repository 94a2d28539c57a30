import type { Configuration, Target } from '../../domain/installer/events.ts'
import { type ProblemError, problem } from '../kernel/problem.ts'
import type { ArgumentInput, DeclaredInputs, Input } from './declared-inputs.ts'
import type { Installable } from './installable.ts'

/** What a user sets, by the names that the catalogue entry declares. */
export type GivenConfiguration = {
  readonly environment?: Readonly<Record<string, string>>
  readonly arguments?: Readonly<Record<string, string | readonly string[]>>
  /** For `{names}` in fixed values and in a remote server's URL. */
  readonly variables?: Readonly<Record<string, string>>
  /** Like `environment`; never shown again. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly network?: Configuration['network']
  /** Secrets that are stored already: their inputs are satisfied. */
  readonly storedSecrets?: readonly string[]
}

export type ResolvedConfiguration = {
  readonly configuration: Configuration
  readonly target: Target
  /** Values of `configuration.secretNames`. */
  readonly secrets: Readonly<Record<string, string>>
}

type Fault = { readonly pointer: string; readonly detail: string }
type Value = { readonly value: string; readonly secret: boolean }

/**
 * Puts what the user gave where the catalogue entry has a place for it.
 *
 * @throws {ProblemError} 422 `undeclared-input`, `missing-configuration`, `invalid-configuration`.
 */
export function resolveConfiguration(
  { inputs, target }: Installable,
  given: GivenConfiguration,
): ResolvedConfiguration {
  refuseUndeclared(inputs, given)
  const faults: Fault[] = []
  const values = inputs.environment.flatMap((input) => {
    const value = inputValue(input, given, `/configuration/environment/${input.name}`, faults)
    return value === undefined ? [] : [[input.name, value] as const]
  })
  const parameters = inputs.arguments.flatMap((input) => argumentOf(input, given, faults))
  const resolved = targetOf(target, inputs.variables, given, faults)
  if (faults.length > 0) throw faulty(faults)
  const secret = values.filter(([, value]) => value.secret)
  const plain = values.filter(([, value]) => !value.secret)
  const remembered = withoutSecrets(inputs, given)
  return {
    target: resolved,
    secrets: Object.fromEntries(secret.map(([name, { value }]) => [name, value])),
    configuration: {
      environment: Object.fromEntries(plain.map(([name, { value }]) => [name, value])),
      arguments: parameters,
      secretNames: secret.map(([name]) => name).sort(),
      network: given.network ?? 'none',
      ...(remembered === undefined ? {} : { given: remembered }),
    },
  }
}

/**
 * What another version runs with: what is given, else what is set already, as far as the version
 * declares it; its own defaults are for the rest.
 *
 * @throws {ProblemError} 422 as `resolveConfiguration`: what the version requires and nobody set
 *   is named, and so is a secret that is stored already, because the old version goes on with it.
 */
export function configurationOf(
  version: Installable,
  stored: Configuration,
  given: GivenConfiguration,
): ResolvedConfiguration {
  const kept = storedFor(version, stored)
  const resolved = resolveConfiguration(version, {
    environment: { ...kept.environment, ...given.environment },
    arguments: { ...kept.arguments, ...given.arguments },
    variables: { ...kept.variables, ...given.variables },
    secrets: given.secrets ?? {},
    network: given.network ?? stored.network,
    storedSecrets: stored.secretNames,
  })
  const faults = Object.entries(resolved.secrets)
    .filter(([name, value]) => value !== '' && stored.secretNames.includes(name))
    .map(([name]) => ({
      pointer: `/configuration/secrets/${name}`,
      detail: `is stored already: replace it with PUT …/secrets/${name}`,
    }))
  if (faults.length > 0) throw faulty(faults)
  const secrets = Object.entries(resolved.secrets).filter(([, value]) => value !== '')
  return { ...resolved, secrets: Object.fromEntries(secrets) }
}

/** What is stored, as far as this version declares it. */
export function storedFor({ inputs }: Installable, stored: Configuration): GivenConfiguration {
  const variables = variablesOf(inputs)
  return {
    environment: only(inputs.environment, stored.environment),
    arguments: only(inputs.arguments, stored.given?.arguments),
    variables: only(variables, stored.given?.variables),
    network: stored.network,
    storedSecrets: stored.secretNames,
  }
}

function only<Value>(
  declared: readonly Input[],
  values: Readonly<Record<string, Value>> = {},
): Record<string, Value> {
  const isDeclared = (name: string) => declared.some((input) => input.name === name)
  return Object.fromEntries(Object.entries(values).filter(([name]) => isDeclared(name)))
}

function withoutSecrets(inputs: DeclaredInputs, given: GivenConfiguration): Configuration['given'] {
  const secret = variablesOf(inputs).filter((variable) => variable.secret)
  const variables = Object.entries(given.variables ?? {}).filter(
    ([name]) => !secret.some((variable) => variable.name === name),
  )
  const parameters = Object.entries(given.arguments ?? {})
  if (variables.length + parameters.length === 0) return undefined
  return {
    variables: Object.fromEntries(variables),
    arguments: Object.fromEntries(parameters.map(([name, value]) => [name, [value].flat()])),
  }
}

function variablesOf(inputs: DeclaredInputs): readonly Input[] {
  return [inputs.environment, inputs.arguments]
    .flat()
    .flatMap((input) => input.variables)
    .concat(inputs.variables)
}

/** Names that may hold a secret. */
export function secretNames({ environment }: DeclaredInputs): readonly string[] {
  return environment.map(({ name }) => name)
}

function refuseUndeclared(inputs: DeclaredInputs, given: GivenConfiguration): void {
  const environment = inputs.environment.map(({ name }) => name)
  const variables = variablesOf(inputs).map(({ name }) => name)
  const allowed = {
    environment,
    arguments: inputs.arguments.map(({ name }) => name),
    variables,
    secrets: [...environment, ...variables],
  }
  const errors = Object.entries(allowed).flatMap(([part, names]) =>
    Object.keys(given[part as keyof typeof allowed] ?? {})
      .filter((name) => !names.includes(name))
      .map((name) => ({
        pointer: `/configuration/${part}/${name}`,
        detail: `is not declared; declared: ${names.join(', ') || 'nothing'}`,
      })),
  )
  if (errors.length > 0)
    throw problem(
      422,
      'undeclared-input',
      'The catalogue entry does not declare everything that is set.',
      errors,
    )
}

/** The user's value, else the entry's own, else its default. */
function inputValue(
  input: Input,
  given: GivenConfiguration,
  pointer: string,
  faults: Fault[],
): Value | undefined {
  const secret = given.secrets?.[input.name]
  if (secret !== undefined) return checked(input, { value: secret, secret: true }, pointer, faults)
  const plain = given.environment?.[input.name]
  if (plain !== undefined)
    return checked(input, { value: plain, secret: input.secret }, pointer, faults)
  if (given.storedSecrets?.includes(input.name)) return { value: '', secret: true }
  if (input.value !== undefined) {
    const filled = fill(input.value, input.variables, given, input.required, faults)
    return filled && { ...filled, secret: filled.secret || input.secret }
  }
  if (input.fallback !== undefined) return { value: input.fallback, secret: input.secret }
  if (input.required) faults.push({ pointer, detail: 'is required' })
  return undefined
}

function checked(input: Input, value: Value, pointer: string, faults: Fault[]): Value {
  if (input.choices.length > 0 && !input.choices.includes(value.value))
    faults.push({ pointer, detail: `must be one of ${input.choices.join(', ')}` })
  return value
}

/** @returns undefined when a variable has no value. */
function fill(
  template: string,
  variables: readonly Input[],
  given: GivenConfiguration,
  required: boolean,
  faults: Fault[],
): Value | undefined {
  let secret = false
  let complete = true
  const value = template.replace(/\{([A-Za-z_][A-Za-z0-9_-]*)\}/g, (whole, name: string) => {
    const variable = variables.find((one) => one.name === name)
    if (variable === undefined) return whole
    const own =
      given.secrets?.[name] ?? given.variables?.[name] ?? variable.value ?? variable.fallback
    secret ||= variable.secret || given.secrets?.[name] !== undefined
    if (own !== undefined) return own
    complete = false
    if (required || variable.required)
      faults.push({ pointer: `/configuration/variables/${name}`, detail: 'is required' })
    return ''
  })
  return complete ? { value, secret } : undefined
}

function argumentOf(
  input: ArgumentInput,
  given: GivenConfiguration,
  faults: Fault[],
): readonly string[] {
  const pointer = `/configuration/arguments/${input.name}`
  const own = given.arguments?.[input.name]
  if (own !== undefined) {
    const values = [own].flat()
    for (const value of values) checked(input, { value, secret: false }, pointer, faults)
    if (input.secret)
      faults.push({ pointer, detail: 'is a secret on a command line, which is not supported' })
    return values.flatMap((value) => flagged(input, value))
  }
  const { name: _, ...unnamed } = input
  const value = inputValue({ ...unnamed, name: '' }, given, pointer, faults)
  if (value === undefined) return []
  if (value.secret)
    faults.push({ pointer, detail: 'is a secret on a command line, which is not supported' })
  return flagged(input, value.value)
}

function flagged({ flag }: ArgumentInput, value: string): readonly string[] {
  return flag === undefined ? [value] : [flag, value]
}

function targetOf(
  target: Target,
  variables: readonly Input[],
  given: GivenConfiguration,
  faults: Fault[],
): Target {
  if (target.kind === 'npm') return target
  const url = fill(target.url, variables, given, true, faults)
  if (url?.secret)
    faults.push({
      pointer: '/configuration/variables',
      detail: 'a secret in a URL is not supported',
    })
  const text = url?.value ?? ''
  if (faults.length === 0 && !isHttpUrl(text))
    faults.push({ pointer: '/configuration/variables', detail: 'must make an http or https URL' })
  return { kind: 'remote', url: text }
}

function isHttpUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return /^https?:$/.test(url?.protocol ?? '') && url?.username === '' && url.password === ''
}

function faulty(errors: readonly Fault[]): ProblemError {
  const missing = errors.every(({ detail }) => detail === 'is required')
  return missing
    ? problem(422, 'missing-configuration', 'The server needs more configuration.', errors)
    : problem(422, 'invalid-configuration', 'The server cannot take this configuration.', errors)
}
