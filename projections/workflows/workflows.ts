import type { Kysely, Selectable } from 'kysely'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { WorkflowEvent } from '../../domain/workflows/events.ts'
import type { Change, ReadModel } from '../kernel/read-model.ts'

// Every workflow of a tenant as it is now, and each version that it ever had. Versions stay when a
// workflow is removed: runs may still be on them.

export interface WorkflowsTables {
  workflows: {
    tenant_id: string
    /** `<namespace>.<name>` */
    workflow_id: string
    title: string
    summary: string
    /** What new runs begin with. */
    version: string
    document_hash: string
    /** Whether its schedule starts runs. */
    enabled: boolean
    /** As the document has it. */
    schedule: Readonly<Record<string, unknown>> | null
    time_zone: string
    /** What was due before starts no run. */
    scheduled_since: Date | string
    owner_id: string
    owner_scopes: readonly string[]
    changed_at: Date | string
  }
  workflow_versions: {
    tenant_id: string
    workflow_id: string
    version: string
    document_hash: string
    source: string
    owner_id: string
    /** When it was applied last. */
    applied_at: Date | string
  }
}

export type WorkflowRow = Selectable<WorkflowsTables['workflows']>
export type WorkflowVersionRow = Selectable<WorkflowsTables['workflow_versions']>

type Content = Omit<
  Extract<WorkflowEvent, { readonly type: 'WorkflowDefined' }>['data'],
  'definedAt'
>
type Schedule = WorkflowsTables['workflows']['schedule']
type Key = { readonly namespace: string; readonly name: string }

function keyOf({ tenantId }: EventMeta, { namespace, name }: Key) {
  return { tenant_id: tenantId, workflow_id: `${namespace}.${name}` }
}

/** What the row shows of a document. */
function shownOf({ document, ...content }: Content, at: string) {
  const header = document.document as Readonly<Record<string, unknown>>
  const metadata = (header.metadata ?? {}) as Readonly<Record<string, unknown>>
  return {
    title: String(header.title ?? ''),
    summary: String(header.summary ?? ''),
    version: content.version,
    document_hash: content.documentHash,
    schedule: (document.schedule ?? null) as Schedule,
    time_zone: String(metadata['tidemark.timezone'] ?? 'UTC'),
    scheduled_since: at,
    owner_id: content.owner.actorId,
    owner_scopes: content.owner.scopes,
    changed_at: at,
  }
}

function versionOf(content: Content, at: string, meta: EventMeta): Change<WorkflowsTables> {
  const { version, documentHash, source, owner } = content
  return {
    table: 'workflow_versions',
    put: {
      ...keyOf(meta, content),
      ...{ version, document_hash: documentHash, source, owner_id: owner.actorId, applied_at: at },
    },
  }
}

export const workflows: ReadModel<WorkflowEvent, WorkflowsTables> = {
  name: 'workflows',
  version: 1,
  keys: {
    workflows: ['tenant_id', 'workflow_id'],
    workflow_versions: ['tenant_id', 'workflow_id', 'version'],
  },
  changes: {
    WorkflowDefined: ({ data }, meta) => [
      {
        table: 'workflows',
        put: { ...keyOf(meta, data), enabled: true, ...shownOf(data, data.definedAt) },
      },
      versionOf(data, data.definedAt, meta),
    ],
    WorkflowRevised: ({ data }, meta) => [
      { table: 'workflows', at: keyOf(meta, data), patch: shownOf(data, data.revisedAt) },
      versionOf(data, data.revisedAt, meta),
    ],
    WorkflowEnabled: ({ data }, meta) => {
      const at = data.enabledAt
      const patch = { enabled: true, scheduled_since: at, changed_at: at }
      return [{ table: 'workflows', at: keyOf(meta, data), patch }]
    },
    WorkflowDisabled: ({ data }, meta) => {
      const patch = { enabled: false, changed_at: data.disabledAt }
      return [{ table: 'workflows', at: keyOf(meta, data), patch }]
    },
    WorkflowRemoved: ({ data }, meta) => [{ table: 'workflows', remove: keyOf(meta, data) }],
  },
}

/** By name. @param page `after`: exclusive. */
export function listWorkflows(
  db: Kysely<WorkflowsTables>,
  tenantId: string,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<WorkflowRow[]> {
  return db
    .selectFrom('workflows')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .$if(after !== undefined, (query) => query.where('workflow_id', '>', after ?? ''))
    .orderBy('workflow_id')
    .limit(limit)
    .execute()
}

/** Of all tenants: those whose schedule starts runs. */
export function scheduledWorkflows(db: Kysely<WorkflowsTables>): Promise<WorkflowRow[]> {
  return db
    .selectFrom('workflows')
    .selectAll()
    .where('enabled', '=', true)
    .where('schedule', 'is not', null)
    .execute()
}

export function findWorkflow(
  db: Kysely<WorkflowsTables>,
  tenantId: string,
  id: string,
): Promise<WorkflowRow | undefined> {
  return db
    .selectFrom('workflows')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('workflow_id', '=', id)
    .executeTakeFirst()
}

/** The one that was applied last comes first. */
export function listWorkflowVersions(
  db: Kysely<WorkflowsTables>,
  tenantId: string,
  id: string,
): Promise<Omit<WorkflowVersionRow, 'source'>[]> {
  return db
    .selectFrom('workflow_versions')
    .select(['tenant_id', 'workflow_id', 'version', 'document_hash', 'owner_id', 'applied_at'])
    .where('tenant_id', '=', tenantId)
    .where('workflow_id', '=', id)
    .orderBy('applied_at', 'desc')
    .orderBy('version')
    .limit(1_000)
    .execute()
}

export function findWorkflowVersion(
  db: Kysely<WorkflowsTables>,
  tenantId: string,
  id: string,
  version: string,
): Promise<WorkflowVersionRow | undefined> {
  return db
    .selectFrom('workflow_versions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('workflow_id', '=', id)
    .where('version', '=', version)
    .executeTakeFirst()
}
