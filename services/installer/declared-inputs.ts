import { isRecord } from '../../domain/kernel/json.ts'

/** What a catalogue entry lets its user set. Everything in it is third-party text. */
export type Input = {
  readonly name: string
  readonly required: boolean
  readonly secret: boolean
  /** Fixed by the entry; `{names}` in it are variables. */
  readonly value: string | undefined
  readonly fallback: string | undefined
  readonly choices: readonly string[]
  readonly variables: readonly Input[]
}

export type ArgumentInput = Input & {
  /** Undefined = positional. */
  readonly flag: string | undefined
}

export type DeclaredInputs = {
  /** Environment variables of a package, HTTP headers of a remote server. */
  readonly environment: readonly Input[]
  readonly arguments: readonly ArgumentInput[]
  /** Of a remote server's URL. */
  readonly variables: readonly Input[]
}

export const NO_INPUTS: DeclaredInputs = { environment: [], arguments: [], variables: [] }

type Members = Readonly<Record<string, unknown>>

/** Empty for what is no object. */
export function members(value: unknown): Members {
  return isRecord(value) ? value : {}
}

/** The oldest server.json formats write their members in snake case. */
export function member(of: Members, name: string): unknown {
  return of[name] ?? of[name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)]
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function list(value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.map(members) : []
}

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const HEADER_NAME = /^[A-Za-z0-9][A-Za-z0-9-]*$/

export function environmentInputs(declared: unknown): readonly Input[] {
  return list(declared)
    .map(namedInput)
    .filter(({ name }) => VARIABLE_NAME.test(name))
}

export function headerInputs(declared: unknown): readonly Input[] {
  return list(declared)
    .map(namedInput)
    .filter(({ name }) => HEADER_NAME.test(name))
}

/** A positional argument goes by its hint, or by its place from 1. */
export function argumentInputs(declared: unknown): readonly ArgumentInput[] {
  return list(declared).map((one, index) => {
    const flag = one.type === 'named' ? text(one.name) : undefined
    const name = flag ?? text(member(one, 'valueHint')) ?? `argument${index + 1}`
    return { ...input(one, name), flag }
  })
}

export function variableInputs(declared: unknown): readonly Input[] {
  return Object.entries(members(declared)).map(([name, one]) => input(members(one), name))
}

function namedInput(one: Members): Input {
  return input(one, text(one.name) ?? '')
}

function input(one: Members, name: string): Input {
  return {
    name,
    required: member(one, 'isRequired') === true,
    secret: member(one, 'isSecret') === true,
    value: text(one.value),
    fallback: text(one.default),
    choices: Array.isArray(one.choices)
      ? one.choices.filter((each) => typeof each === 'string')
      : [],
    variables: variableInputs(one.variables),
  }
}
