/** Something that the person at the keyboard can put right: printed as its one sentence, without a stack. */
export class StackError extends Error {
  override readonly name = 'StackError'
}
