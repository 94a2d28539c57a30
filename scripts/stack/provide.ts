import path from 'node:path'
import { isProgram, locate } from './locate.ts'
import { type Installer, installersOnThisMachine } from './package-manager.ts'
import { StackError } from './stack-error.ts'
import type { Tool } from './tools.ts'

export type ProvideOptions = {
  readonly environment: NodeJS.ProcessEnv
  /** Ours alone: what is installed without changing the system goes here. */
  readonly toolsDirectory: string
  /** Hears what is installed and from where, before it happens. */
  readonly say: (sentence: string) => void
  /** By default the ones of this machine. */
  readonly installers?: (tool: Tool, toolsDirectory: string) => Iterable<Installer>
}

/**
 * The path of a program that is not an npm package: the one that the environment names, else an
 * installed one, else one that the system's package manager or Go installs without a question.
 *
 * @throws {StackError} saying what to install.
 */
export function provide(tool: Tool, options: ProvideOptions): string {
  const given = options.environment[tool.environmentVariable]
  if (given !== undefined && given !== '') {
    if (isProgram(given)) return path.resolve(given)
    throw new StackError(`${tool.environmentVariable}=${given} is not a program that can be run.`)
  }
  const places = [
    path.join(options.toolsDirectory, 'usr/sbin'),
    path.join(options.toolsDirectory, 'usr/bin'),
    path.join(options.toolsDirectory, 'bin'),
  ]
  const search = { PATH: options.environment.PATH }
  const present = locate(tool.program, places, search)
  if (present !== undefined) return present
  const installers = options.installers ?? installersOnThisMachine
  for (const installer of installers(tool, options.toolsDirectory)) {
    options.say(`Installing ${tool.program}: ${installer.description}`)
    installer.run()
    const installed = locate(tool.program, places, search)
    if (installed !== undefined) return installed
  }
  throw new StackError(
    `${tool.program} is missing and could not be installed without asking: install the package "${tool.package}", or name the program in ${tool.environmentVariable}.`,
  )
}
