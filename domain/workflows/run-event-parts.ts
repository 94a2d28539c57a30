import { Type } from 'typebox'

// What goes through a run is personal data, its subject is the run itself: it is encrypted, and
// erased by erasing the run. `step` numbers what a run does, from 1, each time that it does it; 0 is
// the run. `reference` is the JSON pointer of the task in the workflow's document.

export const instant = Type.String({ format: 'date-time' })
export const runId = Type.String({ format: 'uuid' })
export const step = Type.Integer({ minimum: 0 })
export const reference = Type.String({ maxLength: 4_000 })
export const actorId = Type.String({ minLength: 1, maxLength: 200 })
/** What an event is about. */
export const of = { runId, step }

export function personal<T>(description: string) {
  return Type.Unsafe<T>({ description, personal: { subject: 'runId' } })
}
