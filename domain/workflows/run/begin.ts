import { isJsonObject, type Json, type JsonObject } from '../../kernel/json.ts'
import { authenticationOf, credentialsIn, withoutAuthentication } from '../credentials.ts'
import type { Duration } from '../document-parts.ts'
import { isCall, type Task } from '../document-tasks.ts'
import type { RunEvent } from '../run-events.ts'
import { approvalOf, compensationOf } from '../task-metadata.ts'
import { complete, type Done } from './complete.ts'
import { after, durationMs } from './duration.ts'
import { evaluate, evaluateText, holds, type Place, requireFit, transform } from './evaluate.ts'
import { evolve } from './evolve.ts'
import { errorOf, fault, TaskFault } from './fault.ts'
import { faultEvents, namedError } from './faulting.ts'
import { listenWork, typesOf } from './listen.ts'
import type { Surroundings } from './program.ts'
import { attemptMsOf } from './retry.ts'
import { type Child, functionOf } from './scope.ts'
import type { OpenStep, Run } from './state.ts'
import type { Work } from './work.ts'

/** What is to begin: the child of a step, or a compensation. */
export type Beginning = {
  readonly child: Child
  readonly parent: number
  readonly step: number
  readonly round: number | undefined
  readonly attempt: number
  readonly rawInput: Json
  readonly compensates?: number
}

type Started = Extract<RunEvent, { readonly type: 'TaskStarted' }>

/** Skips the task, asks whether it may run, or begins it; one that needs nobody else ends at once. */
export function begin(run: Run, around: Surroundings, beginning: Beginning): readonly RunEvent[] {
  const { child, parent, step, round, rawInput } = beginning
  const runId = run.runId
  const inRound = round === undefined ? {} : { round }
  const place = placeOf(run, around, startedBy(beginning, around, runId, { input: rawInput }))
  return orFault(place, rawInput, beginning, () => {
    const condition = child.task.if
    const at = { runId, step, reference: child.reference, parent, ...inRound }
    if (condition !== undefined && !holds(place, condition, rawInput))
      return [{ type: 'TaskSkipped', data: { ...at, skippedAt: around.now } }]
    const rule = approvalOf(child.task)
    if (rule === undefined) return start(run, around, beginning)
    const { by, within, otherwise = 'fault' } = rule
    const until = within === undefined ? {} : { until: dueIn(place, within, rawInput) }
    const { scope, actors } = by
    const who = {
      ...(scope === undefined ? {} : { scope }),
      ...(actors === undefined ? {} : { actors: [...actors] }),
    }
    const data = { ...at, by: who, ...until, otherwise, requestedAt: around.now }
    return [{ type: 'ApprovalRequested', data }]
  })
}

/** Begins the task, whatever its `if` and its approval say. */
export function start(run: Run, around: Surroundings, beginning: Beginning): readonly RunEvent[] {
  const { child, rawInput } = beginning
  const { task } = child
  const given = placeOf(run, around, startedBy(beginning, around, run.runId, { input: rawInput }))
  return orFault(given, rawInput, beginning, () => {
    requireFit(around.program, task.input?.schema, rawInput)
    const input = transform(given, { transformation: task.input?.from }, rawInput)
    const place = placeOf(run, around, startedBy(beginning, around, run.runId, { input }))
    const { work, done } = doing(place, task, input)
    const timeout = timeoutOf(place, task.timeout, input)
    const started = startedBy(beginning, around, run.runId, {
      input,
      ...(work === undefined ? {} : { work, ...waitOf(work) }),
      ...(timeout === undefined || done !== undefined ? {} : { deadline: timeout }),
      ...firstAttempt(place, task),
      ...(compensationOf(task) === undefined ? {} : { compensable: true as const }),
    })
    if (done === undefined) return [started]
    const after = placeOf(run, around, started)
    return [started, ...complete(after, done)]
  })
}

/** What whoever keeps the time and hears the events has to know; it is no secret. */
function waitOf(work: Work): { readonly until?: string; readonly listensTo?: string[] } {
  if (work.kind === 'wait') return { until: work.dueAt }
  return work.kind === 'listen' ? { listensTo: [...typesOf(work)] } : {}
}

function firstAttempt(place: Place, task: Task): { readonly attemptUntil?: string } {
  if (!('try' in task)) return {}
  const ms = attemptMsOf(place, task.catch.retry)
  return ms === undefined ? {} : { attemptUntil: after(place.now, ms) }
}

type Facts = Pick<Started['data'], 'input'> & Partial<Started['data']>

function startedBy(
  { child, parent, step, round, attempt, compensates }: Beginning,
  { now }: Surroundings,
  runId: string,
  facts: Facts,
): Started {
  const data = {
    ...{ runId, step, reference: child.reference, parent, attempt, startedAt: now },
    ...(round === undefined ? {} : { round }),
    ...(compensates === undefined ? {} : { compensates }),
    ...facts,
  }
  return { type: 'TaskStarted', data }
}

/** The step as it is once this event has happened. */
function placeOf(run: Run, around: Surroundings, started: Started): Place {
  const after = evolve(run, started) as Run
  const step = after.open.get(started.data.step) as OpenStep
  return { ...around, run: after, step }
}

function orFault(
  place: Place,
  input: Json,
  beginning: Beginning,
  events: () => readonly RunEvent[],
): readonly RunEvent[] {
  try {
    return events()
  } catch (error) {
    const started = startedBy(beginning, place, place.run.runId, { input })
    return [started, ...faultEvents(place, errorOf(error))]
  }
}

/** What the task has others do, or what it gives by itself; neither when its children do it. */
function doing(
  place: Place,
  task: Task,
  input: Json,
): { readonly work?: Work | undefined; readonly done?: Done } {
  if ('set' in task) {
    const { set } = task
    const output =
      typeof set === 'string' ? evaluateText(place, set, input) : evaluate(place, set, input)
    return { done: { output } }
  }
  if ('switch' in task) return { done: { output: input, next: chosen(place, task.switch, input) } }
  if ('raise' in task) throw new TaskFault(namedError(place, task.raise.error, input))
  return { work: workOf(place, task, input) }
}

function chosen(
  place: Place,
  cases: Extract<Task, { readonly switch: unknown }>['switch'],
  input: Json,
): string | undefined {
  const found = cases
    .flatMap((each) => Object.values(each))
    .find(({ when }) => when === undefined || holds(place, when, input))
  return found?.then
}

function workOf(place: Place, task: Task, input: Json): Work | undefined {
  if ('wait' in task) return { kind: 'wait', dueAt: dueIn(place, task.wait, input) }
  if ('emit' in task) {
    const event = evaluate(place, task.emit.event.with ?? {}, input)
    return { kind: 'emit', event: event as { readonly [attribute: string]: Json } }
  }
  if ('listen' in task) return listenWork(place, task, input)
  if ('for' in task) {
    const items = evaluateText(place, task.for.in, input)
    if (!Array.isArray(items)) throw fault('expression', 'What `for.in` gives is no array.')
    return { kind: 'for', items }
  }
  if ('run' in task) return runWork(place, task, input)
  if ('call' in task && functionOf(place.program, task) === undefined)
    return callWork(place, task, input)
  return undefined
}

function callWork(
  place: Place,
  task: Extract<Task, { readonly call: unknown }>,
  input: Json,
): Work {
  const members = evaluate(place, withoutAuthentication(task) ?? {}, input) as JsonObject
  const work = { kind: 'call', call: task.call, with: members } as const
  const given = authenticationOf(task)
  if (given === undefined) return work
  const authentication = credentialsIn(place.program.document, given)
  if ('detail' in authentication) throw fault('configuration', authentication.detail)
  const address = isCall(task, 'http') ? { endpoint: uriIn(members.endpoint) } : {}
  return { ...work, with: { ...members, ...address, authentication } }
}

/** What is left of an endpoint may have no credentials: they would be data of the run. */
function uriIn(endpoint: Json | undefined): Json {
  return (isJsonObject(endpoint ?? null) ? (endpoint as JsonObject).uri : endpoint) ?? null
}

function runWork(place: Place, task: Extract<Task, { readonly run: unknown }>, input: Json): Work {
  if (!('workflow' in task.run))
    throw fault('configuration', 'Only workflows can be run, no containers, scripts or shells.')
  const { namespace, name, version, input: given } = task.run.workflow
  return {
    ...{ kind: 'run', namespace, name, version },
    input: given === undefined ? {} : evaluate(place, given, input),
    await: task.run.await ?? true,
  }
}

export function dueIn(place: Place, duration: Duration, input: Json): string {
  const evaluated = evaluate(place, duration, input)
  return after(place.now, durationMs(evaluated))
}

type Timeout = Task['timeout']

export function timeoutOf(place: Place, timeout: Timeout, input: Json): string | undefined {
  if (timeout === undefined) return undefined
  const { timeouts = {} } = place.program.document.use ?? {}
  const meant = typeof timeout === 'string' ? timeouts[timeout] : timeout
  if (meant === undefined) throw fault('configuration', `There is no timeout "${String(timeout)}".`)
  return dueIn(place, meant.after, input)
}
