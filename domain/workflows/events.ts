import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion } from '../kernel/upcast.ts'
import { runEvents } from './run-events.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })
const of = { namespace: Type.String({ maxLength: 63 }), name: Type.String({ maxLength: 63 }) }

/** One version of a definition. `document` is what `source` says, as JSON. */
const content = {
  ...of,
  version: Type.String({ maxLength: 200, description: 'semantic version, by the author' }),
  documentHash: Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: 'SHA-256 of the document as canonical JSON (RFC 8785)',
  }),
  document: Type.Record(Type.String(), Type.Unknown(), {
    description: 'Serverless Workflow DSL 1.0.3',
  }),
  source: Type.String({ description: 'as the author wrote it, YAML or JSON' }),
  owner: Type.Object(
    {
      actorId: Type.String({ minLength: 1, maxLength: 200 }),
      scopes: Type.Array(Type.String({ maxLength: 100 })),
    },
    { additionalProperties: false, description: 'in whose name its schedule starts runs' },
  ),
}

export const WorkflowDefinedV1 = Type.Object(
  { ...content, definedAt: instant },
  { $id: 'workflows.WorkflowDefined.v1', additionalProperties: false },
)

/** Runs that have begun stay on the version that they began with. */
export const WorkflowRevisedV1 = Type.Object(
  { ...content, revisedAt: instant },
  { $id: 'workflows.WorkflowRevised.v1', additionalProperties: false },
)

/** Its schedule starts runs from now on. */
export const WorkflowEnabledV1 = Type.Object(
  { ...of, enabledAt: instant },
  { $id: 'workflows.WorkflowEnabled.v1', additionalProperties: false },
)

/** Its schedule starts no runs; whoever asks for one gets it. */
export const WorkflowDisabledV1 = Type.Object(
  { ...of, disabledAt: instant },
  { $id: 'workflows.WorkflowDisabled.v1', additionalProperties: false },
)

/** No new run begins. Its versions are kept for the runs that have begun. */
export const WorkflowRemovedV1 = Type.Object(
  { ...of, removedAt: instant },
  { $id: 'workflows.WorkflowRemoved.v1', additionalProperties: false },
)

const secretName = Type.String({ maxLength: 63 })

/** The value is in no event. */
export const WorkflowSecretStoredV1 = Type.Object(
  {
    name: secretName,
    origins: Type.Array(Type.String({ maxLength: 300 }), {
      description: 'that it may be sent to, such as https://api.example.com',
    }),
    storedAt: instant,
  },
  { $id: 'workflows.WorkflowSecretStored.v1', additionalProperties: false },
)

export const WorkflowSecretRemovedV1 = Type.Object(
  { name: secretName, removedAt: instant },
  { $id: 'workflows.WorkflowSecretRemoved.v1', additionalProperties: false },
)

/** What calls of a tenant's workflows authenticate with. */
export type WorkflowSecretEvent =
  | EventOf<'WorkflowSecretStored', typeof WorkflowSecretStoredV1>
  | EventOf<'WorkflowSecretRemoved', typeof WorkflowSecretRemovedV1>

export type WorkflowEvent =
  | EventOf<'WorkflowDefined', typeof WorkflowDefinedV1>
  | EventOf<'WorkflowRevised', typeof WorkflowRevisedV1>
  | EventOf<'WorkflowEnabled', typeof WorkflowEnabledV1>
  | EventOf<'WorkflowDisabled', typeof WorkflowDisabledV1>
  | EventOf<'WorkflowRemoved', typeof WorkflowRemovedV1>

export const workflowsEvents = {
  WorkflowDefined: firstVersion(WorkflowDefinedV1),
  WorkflowRevised: firstVersion(WorkflowRevisedV1),
  WorkflowEnabled: firstVersion(WorkflowEnabledV1),
  WorkflowDisabled: firstVersion(WorkflowDisabledV1),
  WorkflowRemoved: firstVersion(WorkflowRemovedV1),
  WorkflowSecretStored: firstVersion(WorkflowSecretStoredV1),
  WorkflowSecretRemoved: firstVersion(WorkflowSecretRemovedV1),
  ...runEvents,
}
