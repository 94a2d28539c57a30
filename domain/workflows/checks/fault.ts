/** What is wrong in a document, and where. */
export type Fault = {
  /** RFC 6901. */
  readonly pointer: string
  /** One sentence for a person, without the place. */
  readonly detail: string
}

/** The pointer of a member or an element of what `pointer` names. */
export function within(pointer: string, ...segments: readonly (string | number)[]): string {
  return segments.reduce<string>(
    (path, segment) => `${path}/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    pointer,
  )
}
