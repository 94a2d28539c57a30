/** Something that the person at the keyboard can put right: printed as its one sentence, without a stack. */
export class StackError extends Error {
  override readonly name = 'StackError'
}

/** What a server's own words mean, when that is something everybody understands. */
export function inPlainWords(words: string): string {
  return /no space left on device/i.test(words)
    ? 'The disk is full: make room, then try again.'
    : words
}
