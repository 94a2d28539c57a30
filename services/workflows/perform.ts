import { v5 as uuidOf } from 'uuid'
import { customNameOf, isCustomType } from '../../domain/custom/events.ts'
import type { Json } from '../../domain/kernel/json.ts'
import type { Outcome } from '../../domain/workflows/run/commands.ts'
import { standardError } from '../../domain/workflows/run/fault.ts'
import type { Action, OwedWork } from '../../domain/workflows/run/owed.ts'
import { run, runStream } from '../../domain/workflows/run/run.ts'
import { isOver, isRun, isUnwanted, type RunState } from '../../domain/workflows/run/state.ts'
import type { WorkflowError } from '../../domain/workflows/run-events.ts'
import { execute, load } from '../kernel/execute.ts'
import type {
  OwedCommandContext,
  PlatformCommand,
  PlatformCommands,
} from '../kernel/platform-command.ts'
import { ProblemError } from '../kernel/problem.ts'
import type { Standing } from '../kernel/standing.ts'
import type { Perform } from './drive.ts'
import { isLasting, unrecordable } from './lasting.ts'
import type { RunSession } from './run-session.ts'
import { runIdOf, type StartRunDeps, startRun } from './start-run.ts'

/** Runs that wait for each other, one within the other. */
const MAX_DEPTH = 8
/** Namespace of what a step of a run is known by elsewhere (RFC 9562, version 5). */
const STEP_NAMESPACE = '5c1f0d0a-3f0e-4c57-8d5b-2b7a8a1f9e02'

export type CallContext = {
  /** What the step got. */
  readonly input: Json
  /** The same for every attempt to do the step: whoever is called does it once. */
  readonly idempotencyKey: string
  readonly owner: { readonly tenantId: string; readonly actorId: string }
  readonly signal: AbortSignal
}

/** One kind of `call`. What it throws is no outcome: it is tried again. */
export type Call = (
  members: { readonly [member: string]: Json },
  context: CallContext,
) => Promise<Outcome>

/** A kind of `call`, and the scope that the owner of the run needs for it. */
export type CallKind = { readonly access: PlatformCommand['access']; readonly call: Call }

export type PerformDeps = StartRunDeps & {
  readonly commands: PlatformCommands
  /** `http`, `mcp` and so on. */
  readonly calls: ReadonlyMap<string, CallKind>
  readonly standing: Standing
}

type Work<Kind extends OwedWork['kind']> = Extract<OwedWork, { readonly kind: Kind }>

/** What runs have others do: platform commands, events, other runs. */
export function createPerform(deps: PerformDeps): Perform {
  return async (session, action, signal) => {
    try {
      switch (action.work.kind) {
        case 'call':
          return await call(deps, session, action, action.work, signal)
        case 'emit':
          return await emit(deps, session, action, action.work)
        case 'run':
          return await child(deps, session, action, action.work)
      }
    } catch (error) {
      const fault = faultOf(error)
      if (fault === undefined) throw error
      return { error: fault }
    }
  }
}

/** The same for every attempt to do the step: whoever is called does it once. */
function stepKey({ ref }: RunSession, { step, attempt }: Action): string {
  return uuidOf(`${ref.tenantId}/${ref.runId}/${step}/${attempt}`, STEP_NAMESPACE)
}

async function call(
  deps: PerformDeps,
  session: RunSession,
  action: Action,
  { call: name, with: members }: Work<'call'>,
  signal: AbortSignal,
): Promise<Outcome> {
  const kind = deps.calls.get(name)
  if (kind === undefined) return await command(deps, session, action, name, members)
  const { tenantId } = session.ref
  const { actorId } = session.run.owner
  if (!(await deps.standing.may(tenantId, session.run.owner, kind.access)))
    return forbidden(kind.access)
  const owner = { tenantId, actorId }
  const idempotencyKey = stepKey(session, action)
  return await kind.call(members, {
    input: inputOf(session, action),
    idempotencyKey,
    owner,
    signal,
  })
}

async function command(
  { commands, standing }: PerformDeps,
  session: RunSession,
  action: Action,
  name: string,
  parameters: Json,
): Promise<Outcome> {
  const found = commands.get(name)
  if (found === undefined)
    return { error: standardError('configuration', `There is no function "${name}".`) }
  const { owner } = session.run
  if (!(await standing.may(session.ref.tenantId, owner, found.access)))
    return forbidden(found.access)
  const { result } = await found.perform(parameters, contextOf(session, action))
  return { output: result as Json }
}

function contextOf(session: RunSession, action: Action): OwedCommandContext {
  const { tenantId } = session.ref
  const { actorId } = session.run.owner
  return { tenantId, actorId, ...session.causeOf(action.step), commandId: stepKey(session, action) }
}

function forbidden(scope: PlatformCommand['access']): Outcome {
  const detail = `Whoever started the run may not do this any more: it takes "${scope}".`
  return { error: standardError('authorization', detail) }
}

/** What is emitted is an event of the tenant's own types; the step goes on with its input. */
async function emit(
  deps: PerformDeps,
  session: RunSession,
  action: Action,
  { event }: Work<'emit'>,
): Promise<Outcome> {
  const { type, subject, data = {} } = event
  if (typeof type !== 'string' || !isCustomType(type))
    return { error: standardError('configuration', `Only events "custom.<Name>" are emitted.`) }
  const about = subject === undefined ? {} : { subject }
  const emission = { name: customNameOf(type), data, ...about }
  const outcome = await command(deps, session, action, 'emit-custom-event', emission)
  return 'error' in outcome ? outcome : { output: inputOf(session, action) }
}

async function child(
  deps: PerformDeps,
  session: RunSession,
  action: Action,
  { namespace, name, version, input, await: isAwaited }: Work<'run'>,
): Promise<Outcome | 'later'> {
  const { owner, depth, runId } = session.run
  const { tenantId } = session.ref
  const context = contextOf(session, action)
  const stream = runStream(tenantId, runIdOf(tenantId, context.commandId))
  const before = await load(deps.events, run, stream)
  if (isAwaited && (action.isAbandoned || isUnwanted(session.run, action.step)))
    return await cancelled(deps, stream, before.state, context)
  if (depth >= MAX_DEPTH)
    return { error: standardError('configuration', `Runs in runs: ${MAX_DEPTH} at most.`) }
  if (!(await deps.standing.may(tenantId, owner, 'workflows:write')))
    return forbidden('workflows:write')
  if (before.state.status === 'absent') {
    const parent = isAwaited ? { parent: { runId, step: action.step } } : {}
    const request = { namespace, name, version, input, owner, ...parent, depth: depth + 1 }
    await startRun(deps, { ...request, trigger: 'run' }, context)
  }
  if (!isAwaited) return { output: inputOf(session, action) }
  return isRun(before.state) ? endOf(before.state.status, before.state.result) : 'later'
}

/** Nobody needs what comes of it: it takes back what it did, and the run that waits for it goes on then. */
async function cancelled(
  { events, now }: PerformDeps,
  stream: string,
  child: RunState,
  context: OwedCommandContext,
): Promise<Outcome | 'later'> {
  if (!isRun(child)) return endOf('cancelled', undefined)
  if (isOver(child)) return endOf(child.status, child.result)
  const command = { type: 'CancelRun', runId: child.runId, now: now().toISOString() } as const
  const commandId = uuidOf('cancel', context.commandId)
  // One that ends meanwhile refuses; it is looked at again.
  const { state } = await execute(events, run, stream, command, { ...context, commandId }).catch(
    (error: unknown) => {
      if (error instanceof ProblemError && error.problem.code === 'run-over')
        return load(events, run, stream)
      throw error
    },
  )
  return isRun(state) ? endOf(state.status, state.result) : 'later'
}

function endOf(
  status: string,
  result: { readonly output: Json } | { readonly error: WorkflowError } | undefined,
): Outcome | 'later' {
  if (status === 'cancelled')
    return { error: standardError('runtime', 'The run that it waited for was cancelled.') }
  return result ?? 'later'
}

function inputOf(session: RunSession, { step }: Action): Json {
  return session.run.open.get(step)?.input ?? null
}

/** A refusal is an outcome; that something is away is none. */
function faultOf(error: unknown): WorkflowError | undefined {
  if (isLasting(error)) return unrecordable(error)
  if (!(error instanceof ProblemError) || error.problem.status >= 500) return undefined
  const { status, title, detail } = error.problem
  return { ...standardError('communication', detail, status), title }
}
