import { CommanderError } from 'commander'
import { CliError, EXIT, RefusedError } from './failure.ts'
import { printable, printableLines } from './printable.ts'
import { buildProgram, type OnThisMachine } from './program.ts'

/**
 * Runs one command; a sentence about what went wrong has been printed.
 *
 * @returns the exit code.
 */
export async function main(argv: readonly string[], here: OnThisMachine): Promise<number> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of a pipe, such as `head`, has seen enough.
    process.exit(error.code === 'EPIPE' ? 0 : EXIT.fault)
  })
  try {
    await buildProgram(here).parseAsync([...argv])
    return 0
  } catch (error) {
    // Commander has printed its own sentence, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage
    process.stderr.write(`${sentenceFor(error, argv.includes('--json'))}\n`)
    return error instanceof CliError ? error.exitCode : EXIT.fault
  }
}

function sentenceFor(error: unknown, json: boolean): string {
  if (json && error instanceof RefusedError) return JSON.stringify(error.problem)
  if (error instanceof CliError) return printableLines(error.message)
  return `This should not have happened: ${printable(error instanceof Error ? error.message : error)}`
}
