/** Characters of a detail that repeats what others say. */
export const MAX_DETAIL = 300

/** What is wrong in a document, and where. */
export type Fault = {
  /** RFC 6901. */
  readonly pointer: string
  /** One sentence for a person, without the place. */
  readonly detail: string
}
