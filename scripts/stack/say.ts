import { StackError } from './stack-error.ts'

// The terminal, or the program that reads our output, may go away before we end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

/** One line for the person at the terminal. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** One sentence for what went wrong; the stack too where LOG_LEVEL=debug asks for it. */
export function sentenceFor(error: unknown): string {
  const stack =
    process.env.LOG_LEVEL === 'debug' && error instanceof Error ? `\n${error.stack}` : ''
  return `${sentence(error)}${stack}`
}

function sentence(error: unknown): string {
  if (error instanceof StackError) return error.message
  const { code, path, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOSPC':
      return 'The disk is full: make room, then try again.'
    case 'EDQUOT':
      return 'The disk quota is used up: make room, then try again.'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `No permission${path === undefined ? '' : ` to use ${path}`}: was it made by another user? (${message})`
    default:
      return `This should not have happened: ${message}`
  }
}
