import { usage } from './failure.ts'

/** `name`, or `name@version`; a name may begin with `@` itself. */
export function parseServer(word: string): { readonly server: string; readonly version?: string } {
  const at = word.lastIndexOf('@')
  if (at <= 0) return { server: word }
  if (at === word.length - 1) throw usage(`"${word}" ends where a version should be.`)
  return { server: word.slice(0, at), version: word.slice(at + 1) }
}

export type SettingOptions = {
  readonly env?: readonly string[]
  readonly arg?: readonly string[]
  readonly var?: readonly string[]
  /** Names only: a value on the command line would be visible to every user of the machine. */
  readonly secret?: readonly string[]
  readonly network?: string
}

/** @param environment where the secrets' values are. */
export function settingsOf(options: SettingOptions, environment: NodeJS.ProcessEnv): object {
  return {
    ...(options.env === undefined ? {} : { environment: pairs(options.env) }),
    ...(options.arg === undefined ? {} : { arguments: pairs(options.arg) }),
    ...(options.var === undefined ? {} : { variables: pairs(options.var) }),
    ...(options.network === undefined ? {} : { network: options.network }),
    ...(options.secret === undefined ? {} : { secrets: secretsFrom(options.secret, environment) }),
  }
}

function pairs(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(word) ?? []
      if (name === undefined || value === undefined) throw usage(`"${word}" is not name=value.`)
      return [name, value]
    }),
  )
}

function secretsFrom(
  names: readonly string[],
  environment: NodeJS.ProcessEnv,
): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      const value = environment[name]
      if (value === undefined || value === '')
        throw usage(`The environment variable ${name}, which should hold the secret, is not set.`)
      return [name, value]
    }),
  )
}
