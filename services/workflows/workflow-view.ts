import { type Static, Type } from 'typebox'
import type { WorkflowRow } from '../../projections/workflows/workflows.ts'

const PART = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'

/** `<namespace>.<name>` */
export const workflowName = Type.String({
  pattern: `^${PART}\\.${PART}$`,
  description: '`<namespace>.<name>`',
})
export const position = Type.String({ description: 'place in the log, for `atLeast`' })
export const version = Type.String({ maxLength: 200 })
const hash = Type.String({ description: 'SHA-256 of the document as canonical JSON' })
const instant = Type.String({ format: 'date-time' })

export const Workflow = Type.Object({
  workflow: workflowName,
  title: Type.String(),
  summary: Type.String(),
  version,
  hash,
  enabled: Type.Boolean({ description: 'whether its schedule starts runs' }),
  schedule: Type.Optional(Type.Unknown({ description: 'as the document has it' })),
  timeZone: Type.Optional(Type.String()),
  owner: Type.String({ description: 'in whose name its schedule starts runs' }),
  changedAt: instant,
})

export const WorkflowVersion = Type.Object({
  ...{ version, hash, current: Type.Boolean(), appliedBy: Type.String(), appliedAt: instant },
})

export const Applied = Type.Object({
  workflow: workflowName,
  version,
  hash,
  outcome: Type.Enum(['defined', 'revised', 'unchanged']),
  position,
})

export function workflowView(row: WorkflowRow): Static<typeof Workflow> {
  return {
    workflow: row.workflow_id,
    title: row.title,
    summary: row.summary,
    version: row.version,
    hash: row.document_hash,
    enabled: row.enabled,
    ...(row.schedule === null ? {} : { schedule: row.schedule, timeZone: row.time_zone }),
    owner: row.owner_id,
    changedAt: new Date(row.changed_at).toISOString(),
  }
}
