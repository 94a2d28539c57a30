/** What is wrong in a document, and where. */
export type Fault = {
  /** RFC 6901. */
  readonly pointer: string
  /** One sentence for a person, without the place. */
  readonly detail: string
}
