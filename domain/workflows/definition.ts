import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { WorkflowDocument } from './document.ts'
import type { WorkflowEvent } from './events.ts'

// A workflow: the versions of its document, and whether its schedule starts runs.
//
//   absent ──ApplyWorkflow──► enabled ◄──EnableWorkflow/DisableWorkflow──► disabled
//      ▲ (ApplyWorkflow defines it anew)      each of them ──RemoveWorkflow──► removed
//
// A version means one document for ever, also after the workflow was removed.

/** How a workflow is addressed; neither part has a dot. */
export type WorkflowName = { readonly namespace: string; readonly name: string }

/** `<namespace>.<name>` */
export function workflowId({ namespace, name }: WorkflowName): string {
  return `${namespace}.${name}`
}

export function workflowStream(tenantId: string, workflow: WorkflowName): string {
  return streamName('workflow', tenantId, workflowId(workflow))
}

export type WorkflowOwner = { readonly actorId: string; readonly scopes: readonly string[] }

type Addressed = WorkflowName & { readonly now: string }

export type WorkflowCommand =
  | {
      readonly type: 'ApplyWorkflow'
      readonly document: WorkflowDocument
      /** SHA-256 of the document as canonical JSON. */
      readonly hash: string
      readonly source: string
      readonly owner: WorkflowOwner
      /** False disables the schedule of a workflow that is new; of a known one nothing changes. */
      readonly enabled: boolean
      readonly now: string
    }
  | (Addressed & { readonly type: 'EnableWorkflow' })
  | (Addressed & { readonly type: 'DisableWorkflow' })
  | (Addressed & { readonly type: 'RemoveWorkflow' })

export type WorkflowRejection = 'workflow-not-found' | 'workflow-version-exists'

export type WorkflowVersion = {
  readonly document: WorkflowDocument
  readonly hash: string
  readonly owner: WorkflowOwner
}

export type KnownWorkflow = {
  readonly status: 'enabled' | 'disabled'
  /** The one that was applied last: what new runs begin with. */
  readonly current: string
  readonly versions: ReadonlyMap<string, WorkflowVersion>
}

export type WorkflowState =
  | KnownWorkflow
  | {
      readonly status: 'absent' | 'removed'
      readonly versions: ReadonlyMap<string, WorkflowVersion>
    }

type ApplyWorkflow = Extract<WorkflowCommand, { readonly type: 'ApplyWorkflow' }>
type Decided = Decision<WorkflowEvent, WorkflowRejection>

export const workflow: Decider<WorkflowState, WorkflowCommand, WorkflowEvent, WorkflowRejection> = {
  initial: { status: 'absent', versions: new Map() },

  decide(state, command) {
    if (command.type === 'ApplyWorkflow') return apply(state, command)
    const { namespace, name, now } = command
    if (!isKnownWorkflow(state)) {
      if (command.type === 'RemoveWorkflow' && state.status === 'removed') return accept()
      return reject(
        'not-found',
        'workflow-not-found',
        `There is no workflow "${workflowId(command)}".`,
      )
    }
    const of = { namespace, name }
    switch (command.type) {
      case 'EnableWorkflow':
        if (state.status === 'enabled') return accept()
        return accept({ type: 'WorkflowEnabled', data: { ...of, enabledAt: now } })
      case 'DisableWorkflow':
        if (state.status === 'disabled') return accept()
        return accept({ type: 'WorkflowDisabled', data: { ...of, disabledAt: now } })
      case 'RemoveWorkflow':
        return accept({ type: 'WorkflowRemoved', data: { ...of, removedAt: now } })
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'WorkflowDefined':
        return { ...withVersion(state, event.data), status: 'enabled' }
      case 'WorkflowRevised':
        return {
          status: isKnownWorkflow(state) ? state.status : 'enabled',
          ...withVersion(state, event.data),
        }
      case 'WorkflowEnabled':
        return isKnownWorkflow(state) ? { ...state, status: 'enabled' } : state
      case 'WorkflowDisabled':
        return isKnownWorkflow(state) ? { ...state, status: 'disabled' } : state
      case 'WorkflowRemoved':
        return { status: 'removed', versions: state.versions }
    }
  },
}

export function isKnownWorkflow(state: WorkflowState): state is KnownWorkflow {
  return state.status === 'enabled' || state.status === 'disabled'
}

function apply(state: WorkflowState, command: ApplyWorkflow): Decided {
  const { document, hash, source, owner, now } = command
  const { namespace, name, version } = document.document
  const same = state.versions.get(version)
  if (same !== undefined && same.hash !== hash)
    return reject(
      'conflict',
      'workflow-version-exists',
      `Version ${version} of the workflow "${namespace}.${name}" has another content; give this one a new version.`,
    )
  const of = { namespace, name }
  const content = {
    ...{ ...of, version, documentHash: hash, document, source },
    owner: { actorId: owner.actorId, scopes: [...owner.scopes] },
  }
  if (isKnownWorkflow(state)) {
    if (state.current === version) return accept()
    return accept({ type: 'WorkflowRevised', data: { ...content, revisedAt: now } })
  }
  const defined: WorkflowEvent = { type: 'WorkflowDefined', data: { ...content, definedAt: now } }
  if (command.enabled) return accept(defined)
  return accept<WorkflowEvent>(defined, {
    type: 'WorkflowDisabled',
    data: { ...of, disabledAt: now },
  })
}

type Content = Extract<WorkflowEvent, { readonly type: 'WorkflowDefined' }>['data']

function withVersion(
  { versions }: WorkflowState,
  { version, documentHash, document, owner }: Omit<Content, 'definedAt'>,
) {
  // Documents are checked against the language's schema before they are applied.
  const content = { document: document as unknown as WorkflowDocument, hash: documentHash, owner }
  return { current: version, versions: new Map(versions).set(version, content) }
}
