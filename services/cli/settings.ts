import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { servingProcesses } from '../kernel/addresses.ts'
import { CliError, EXIT, usage } from './failure.ts'

const DATA = path.resolve(import.meta.dirname, '../..', process.env.DATA_DIR ?? '.data')

/** Options that every command takes. */
export type GlobalOptions = {
  readonly url?: string
  readonly keyFile?: string
  readonly json?: boolean
}

/**
 * The address that was given, or that of a process of this machine which has the role.
 *
 * @throws {CliError} when there is neither.
 */
export function addressOf(options: GlobalOptions, role: 'api' | 'gateway'): URL {
  const given = options.url ?? process.env.TIDEMARK_URL ?? addressHere(role)
  if (given === undefined)
    throw new CliError(
      EXIT.unreachable,
      `No Tidemark${role === 'api' ? '' : ` with the role ${role}`} runs here: start one with \`make up\`, or say where it is with --url or TIDEMARK_URL.`,
    )
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol))
    throw usage(`"${given}" is not an http address.`)
  return new URL(given)
}

/** @returns undefined when there is none: some answers are public. */
export function apiKeyOf(options: GlobalOptions): string | undefined {
  if (options.keyFile !== undefined) {
    const key = readLine(options.keyFile)
    if (key === undefined) throw usage(`There is no API key in ${options.keyFile}.`)
    return key
  }
  return process.env.TIDEMARK_API_KEY ?? readLine(path.join(DATA, 'first-api-key'))
}

function addressHere(role: string): string | undefined {
  return servingProcesses(DATA).find(({ roles }) => roles.includes(role))?.address
}

function readLine(file: string): string | undefined {
  if (!existsSync(file)) return undefined
  const line = readFileSync(file, 'utf8').split('\n')[0]?.trim()
  return line === '' ? undefined : line
}
