import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { subjectId } from '../kernel/personal.ts'
import { firstVersion } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })

/** From here on the subject's key has to go; whoever reads this makes sure of it. */
export const SubjectErasureRequestedV1 = Type.Object(
  { subjectId, requestedAt: instant },
  { $id: 'privacy.SubjectErasureRequested.v1', additionalProperties: false },
)

/** The key is destroyed: what it encrypted reads as `[erased]`, and read models forget what they decrypted. */
export const SubjectErasedV1 = Type.Object(
  { subjectId, erasedAt: instant },
  { $id: 'privacy.SubjectErased.v1', additionalProperties: false },
)

/** Every read model with personal data handles it. */
export type SubjectErasedEvent = EventOf<'SubjectErased', typeof SubjectErasedV1>

export type PrivacyEvent =
  | EventOf<'SubjectErasureRequested', typeof SubjectErasureRequestedV1>
  | SubjectErasedEvent

export const privacyEvents = {
  SubjectErasureRequested: firstVersion(SubjectErasureRequestedV1),
  SubjectErased: firstVersion(SubjectErasedV1),
}
