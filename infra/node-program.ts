import { fileURLToPath } from 'node:url'

/**
 * What Node is told before the name of a program: a source needs its loader, what was built of one
 * does not.
 *
 * @param program URL of the file.
 */
export function nodeOptions(program: string): readonly string[] {
  return program.endsWith('.ts')
    ? ['--import', import.meta.resolve('tsx')]
    : ['--enable-source-maps']
}

/** Runs a program in Node, wherever the process is. */
export function nodeArguments(program: string, ...args: readonly string[]): readonly string[] {
  return [...nodeOptions(program), fileURLToPath(program), ...args]
}
