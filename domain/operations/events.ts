import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })
const readModel = Type.String({ minLength: 1, maxLength: 200 })
const rebuildId = Type.String({ format: 'uuid' })

export const ReadModelRebuildRequestedV1 = Type.Object(
  { readModel, rebuildId, requestedAt: instant },
  { $id: 'operations.ReadModelRebuildRequested.v1', additionalProperties: false },
)

export const ReadModelRebuildCompletedV1 = Type.Object(
  {
    readModel,
    rebuildId,
    version: Type.Integer({ minimum: 1, description: 'of the rows that queries see from now on' }),
    position: Type.String({ description: 'up to here in the log they were built, decimal' }),
    events: Type.Integer({ minimum: 0, description: 'how many events were folded' }),
    durationMs: Type.Number({ minimum: 0 }),
    completedAt: instant,
  },
  { $id: 'operations.ReadModelRebuildCompleted.v1', additionalProperties: false },
)

/** The rows that queries saw before are still there. */
export const ReadModelRebuildFailedV1 = Type.Object(
  {
    readModel,
    rebuildId,
    cause: Type.String({ maxLength: 2_000 }),
    failedAt: instant,
  },
  { $id: 'operations.ReadModelRebuildFailed.v1', additionalProperties: false },
)

export type OperationsEvent =
  | EventOf<'ReadModelRebuildRequested', typeof ReadModelRebuildRequestedV1>
  | EventOf<'ReadModelRebuildCompleted', typeof ReadModelRebuildCompletedV1>
  | EventOf<'ReadModelRebuildFailed', typeof ReadModelRebuildFailedV1>

export const operationsEvents = {
  ReadModelRebuildRequested: firstVersion(ReadModelRebuildRequestedV1),
  ReadModelRebuildCompleted: firstVersion(ReadModelRebuildCompletedV1),
  ReadModelRebuildFailed: firstVersion(ReadModelRebuildFailedV1),
}
