import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { subjectId } from '../kernel/personal.ts'
import { firstVersion } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })
const rotationId = Type.String({ format: 'uuid' })

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

/** All keys of all tenants are being changed; what is written from now on gets to the new ones. */
export const KeyRotationStartedV1 = Type.Object(
  {
    rotationId,
    rootKeyId: Type.String({ description: 'the root key that is succeeded by another' }),
    startedAt: instant,
  },
  { $id: 'privacy.KeyRotationStarted.v1', additionalProperties: false },
)

/** The tenant's secrets, and the keys of its subjects, are encrypted with this key and no other. */
export const DataKeyRotatedV1 = Type.Object(
  { rotationId, keyId: Type.String({ format: 'uuid' }), rotatedAt: instant },
  { $id: 'privacy.DataKeyRotated.v1', additionalProperties: false },
)

export const KeyRotationCompletedV1 = Type.Object(
  { rotationId, completedAt: instant },
  { $id: 'privacy.KeyRotationCompleted.v1', additionalProperties: false },
)

/** Every read model with personal data handles it. */
export type SubjectErasedEvent = EventOf<'SubjectErased', typeof SubjectErasedV1>

export type PrivacyEvent =
  | EventOf<'SubjectErasureRequested', typeof SubjectErasureRequestedV1>
  | SubjectErasedEvent
  | EventOf<'KeyRotationStarted', typeof KeyRotationStartedV1>
  | EventOf<'DataKeyRotated', typeof DataKeyRotatedV1>
  | EventOf<'KeyRotationCompleted', typeof KeyRotationCompletedV1>

export const privacyEvents = {
  SubjectErasureRequested: firstVersion(SubjectErasureRequestedV1),
  SubjectErased: firstVersion(SubjectErasedV1),
  KeyRotationStarted: firstVersion(KeyRotationStartedV1),
  DataKeyRotated: firstVersion(DataKeyRotatedV1),
  KeyRotationCompleted: firstVersion(KeyRotationCompletedV1),
}
