import {
  isKnownWorkflow,
  type WorkflowOwner,
  type WorkflowState,
  workflow,
  workflowStream,
} from '../../domain/workflows/definition.ts'
import { type CommandContext, execute, load } from '../kernel/execute.ts'
import type { EventStore, Position } from '../ports/event-store.ts'
import { type ParsedWorkflow, parseWorkflow } from './parse-document.ts'

export type ApplyDeps = {
  readonly events: EventStore
  /** Names of the commands that a workflow may call. */
  readonly commands: ReadonlySet<string>
  readonly now: () => Date
}

export type ApplyRequest = {
  /** YAML or JSON. */
  readonly source: string
  readonly owner: WorkflowOwner
  /** Of a workflow that is new: whether its schedule starts runs. */
  readonly enabled: boolean
  /** Everything but recording it. */
  readonly dryRun: boolean
}

export type AppliedWorkflow = ParsedWorkflow & {
  readonly outcome: 'defined' | 'revised' | 'unchanged'
  readonly position: Position
}

/**
 * Makes the document the one that new runs begin with. The same content again changes nothing.
 *
 * @throws {ProblemError} 422 `workflow-invalid`, 413 `workflow-too-large`, 409 `workflow-version-exists`.
 */
export async function applyWorkflow(
  { events, commands, now }: ApplyDeps,
  { source, owner, enabled, dryRun }: ApplyRequest,
  context: CommandContext,
): Promise<AppliedWorkflow> {
  const parsed = parseWorkflow(source, commands)
  const { document, hash } = parsed
  const stream = workflowStream(context.tenantId, document.document)
  const before = await load(events, workflow, stream)
  const outcome = outcomeFor(before.state, parsed)
  if (dryRun) return { ...parsed, outcome, position: before.position }
  const command = { type: 'ApplyWorkflow', document, hash, source, owner, enabled } as const
  const instant = now().toISOString()
  const done = await execute(events, workflow, stream, { ...command, now: instant }, context)
  return { ...parsed, outcome, position: done.position }
}

function outcomeFor(state: WorkflowState, { document, hash }: ParsedWorkflow) {
  if (!isKnownWorkflow(state)) return 'defined'
  const { version } = document.document
  const same = state.current === version && state.versions.get(version)?.hash === hash
  return same ? 'unchanged' : 'revised'
}
