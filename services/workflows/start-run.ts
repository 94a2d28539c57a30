import { v4 as randomUuid, v5 as uuidOf } from 'uuid'
import type { Json } from '../../domain/kernel/json.ts'
import type { WorkflowName } from '../../domain/workflows/definition.ts'
import type { RunCommand } from '../../domain/workflows/run/commands.ts'
import { run, runStream } from '../../domain/workflows/run/run.ts'
import type { RunState } from '../../domain/workflows/run/state.ts'
import { type CommandContext, type Executed, execute } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Programs } from './programs.ts'

type StartRun = Extract<RunCommand, { readonly type: 'StartRun' }>

export type StartRunDeps = {
  readonly events: EventStore
  readonly programs: Programs
  readonly now: () => Date
}

export type RunRequest = WorkflowName &
  Pick<StartRun, 'owner' | 'trigger' | 'parent'> & {
    /** By default the newest. */
    readonly version?: string | undefined
    readonly input: Json
    readonly depth?: number
  }

/** Namespace of the ids of runs that follow from a command's id (RFC 9562, version 5). */
const RUN_NAMESPACE = '0d4c3a0e-9b1c-4d27-9f57-6a2f5f1c8e11'

/** The run that a command starts, however often it comes. */
export function runIdOf(tenantId: string, commandId: string): string {
  return uuidOf(`${tenantId}/${commandId}`, RUN_NAMESPACE)
}

/**
 * Records that the run has begun; whoever drives runs does the rest.
 *
 * @throws {ProblemError} 404 `workflow-not-found`, 409 `workflow-removed`, 422 `run-input-invalid`.
 */
export async function startRun(
  { events, programs, now }: StartRunDeps,
  { namespace, name, version, owner, trigger, parent, depth = 0, input }: RunRequest,
  context: CommandContext,
): Promise<{ readonly runId: string; readonly done: Executed<RunState> }> {
  const { tenantId, commandId } = context
  const runId = commandId === undefined ? randomUuid() : runIdOf(tenantId, commandId)
  const program = await programs.forNewRun(tenantId, { namespace, name }, version)
  const surroundings = { program, now: now().toISOString(), random: 0 }
  const command: StartRun = {
    ...{ type: 'StartRun', runId, owner, trigger, depth, input, surroundings },
    ...(parent === undefined ? {} : { parent }),
  }
  const done = await execute(events, run, runStream(tenantId, runId), command, context)
  return { runId, done }
}
