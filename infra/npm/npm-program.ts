import { realpathSync } from 'node:fs'
import path from 'node:path'
import { findProgram } from '../sandbox/find-program.ts'

/** Of this program's environment, what npm needs to know where and how to fetch: no secret of ours. */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TMPDIR|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|(https?|no|all)_proxy|npm_config_.*)$/i

export type NpmProgram = {
  /** Starts npm; its arguments follow. */
  readonly command: readonly string[]
  /** Directory of the npm package: it can have a configuration file of its own. */
  readonly npmPath: string
  readonly environment: Readonly<Record<string, string>>
}

/**
 * The npm that belongs to this machine, with its configuration.
 *
 * @throws {Error} when there is no npm.
 */
export function findNpm(environment: NodeJS.ProcessEnv = process.env): NpmProgram {
  const found = findProgram('npm', environment.PATH)
  if (found === undefined) throw new Error('There is no npm on this machine.')
  const program = realpathSync(found)
  const isScript = program.endsWith('.js')
  return {
    command: isScript ? [process.execPath, program] : [program],
    npmPath: isScript ? path.resolve(program, '../..') : path.dirname(program),
    environment: passedOn(environment),
  }
}

function passedOn(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const kept = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && PASSED_ON.test(name) ? [[name, value] as const] : [],
  )
  return Object.fromEntries(kept)
}
