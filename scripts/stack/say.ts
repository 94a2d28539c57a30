import { StackError } from './stack-error.ts'

/** One line for the person at the terminal. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** One sentence for what went wrong; a stack only where it is our own fault. */
export function sentenceFor(error: unknown): string {
  if (error instanceof StackError) return error.message
  const { code, path, message, stack } = error as NodeJS.ErrnoException
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
      return stack ?? message
  }
}
