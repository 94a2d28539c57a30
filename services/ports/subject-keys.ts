/** The keys that personal data in events is encrypted with, one a person. */
export interface SubjectKeys {
  /** Whether the subject has a key, or had one that is destroyed. */
  knows(tenantId: string, subjectId: string): Promise<boolean>

  /**
   * Destroys every copy of the key that this system holds, for ever: the subject never gets
   * another, and no process reads with it from now on. Repeating it is harmless.
   */
  destroy(tenantId: string, subjectId: string): Promise<void>
}

/** Personal data of somebody who was erased is not recorded again under the same id. */
export class SubjectErasedError extends Error {
  override readonly name = 'SubjectErasedError'
}
