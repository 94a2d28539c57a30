import type { Json } from '../../kernel/json.ts'
import type { RunEvent, WorkflowError } from '../run-events.ts'
import type { Work } from './work.ts'

// A run as its events tell it:
//
//   absent ──WorkflowRunStarted──► running ──RunCompleted──► completed
//                                   │   ▲
//        fault or RunCancelRequested│   │RunRetried (back to a step)
//                                   ▼   │
//                                 ending ──► faulted | cancelled
//
// While it ends, steps under way are waited for and completed ones are compensated. `suspended`
// holds everything up: what comes back is recorded, nothing begins. The open steps are a tree: a
// step without work has children that are done one after the other (or all at once in a `fork`).

type Data<Type extends RunEvent['type']> = Extract<RunEvent, { readonly type: Type }>['data']

export type Received = {
  readonly eventId: string
  readonly filter: number
  readonly event: Json
}

/** How far the children of a step are. */
export type Progress = {
  /** Of the loop, from 0; -1 before the first. */
  readonly round: number
  /** The child that ended last in this round: its place in the list, and where to go on. */
  readonly last?: { readonly index: number; readonly next: string }
  /** Of the last child; the step's own input before the first. */
  readonly output: Json
  /** Children that are open. */
  readonly open: number
  /** Branches of a fork that have begun, and what they gave. */
  readonly begun: number
  readonly outputs: { readonly [index: number]: Json }
  /** What came of the events of a `listen` that its `foreach` shapes. */
  readonly items: readonly Json[]
}

export type OpenStep = {
  readonly step: number
  readonly parent: number
  readonly reference: string
  readonly round: number | undefined
  readonly attempt: number
  readonly rawInput: Json
  readonly input: Json
  readonly startedAt: string
  readonly deadline: string | undefined
  readonly work: Work | undefined
  readonly compensable: boolean
  readonly compensates: number | undefined
  /** Its own timer, or its deadline, has fired. */
  readonly fired: 'wait' | 'retry' | 'deadline' | 'approval' | 'attempt' | undefined
  readonly approval: OpenApproval | undefined
  readonly received: readonly Received[]
  readonly correlation: { readonly [key: string]: Json }
  readonly progress: Progress
  /** Of a `try`. */
  readonly caught: WorkflowError | undefined
  readonly retry:
    | {
        readonly attempt: number
        readonly dueAt: string | undefined
        /** That the attempt may take. */
        readonly attemptMs: number | undefined
      }
    | undefined
  /** When the attempt that is under way has taken too long. */
  readonly attemptUntil: string | undefined
}

export type OpenApproval = Pick<Data<'ApprovalRequested'>, 'by' | 'until' | 'otherwise'> & {
  readonly answer: 'given' | 'refused' | undefined
}

/** A step whose effect a later fault or cancellation takes back. */
export type Compensable = {
  readonly step: number
  readonly reference: string
  readonly input: Json
  /** Undefined when nobody waited for it: it may have happened. */
  readonly output: Json | undefined
}

/** What a retry goes back to. */
export type Snapshot = Pick<Run, 'open' | 'context' | 'compensable'>

export type Ending = {
  readonly why: 'fault' | 'cancel'
  readonly error: WorkflowError | undefined
  /** Steps whose compensation is still to come, and those whose compensation failed. */
  readonly compensation:
    | { readonly todo: readonly number[]; readonly failed: readonly number[] }
    | undefined
}

export type Run = Omit<Data<'WorkflowRunStarted'>, 'deadline' | 'transformed'> & {
  readonly status: 'running' | 'ending' | 'completed' | 'faulted' | 'cancelled'
  readonly suspended: boolean
  readonly context: Json
  readonly lastStep: number
  readonly open: ReadonlyMap<number, OpenStep>
  /** Steps that began a run for which nobody waits any more; the newest ones. */
  readonly abandoned: readonly OpenStep[]
  /** In the order in which they completed. */
  readonly compensable: readonly Compensable[]
  readonly compensated: boolean
  /** Before each task's latest step, by its reference. */
  readonly snapshots: ReadonlyMap<string, { readonly step: number; readonly before: Snapshot }>
  readonly ending: Ending | undefined
  readonly result: { readonly output: Json } | { readonly error: WorkflowError } | undefined
}

export type RunState = { readonly status: 'absent' } | Run

export function isRun(state: RunState): state is Run {
  return state.status !== 'absent'
}

export function isOver({ status }: RunState): boolean {
  return status === 'completed' || status === 'faulted' || status === 'cancelled'
}

/** The steps around `step`, the nearest first; steps that are not open any more are left out. */
export function around({ open }: Pick<Run, 'open'>, { parent, step }: OpenStep): OpenStep[] {
  const found: OpenStep[] = []
  let next = step === 0 ? undefined : open.get(parent)
  while (next !== undefined) {
    found.push(next)
    next = next.step === 0 ? undefined : open.get(next.parent)
  }
  return found
}

export function isWithin(run: Pick<Run, 'open'>, step: OpenStep, ancestor: number): boolean {
  return around(run, step).some((each) => each.step === ancestor)
}

/** Events that the step listens to, without those that end the listening. */
export function takenEvents({ received }: OpenStep): readonly Json[] {
  return received.filter(({ filter }) => filter >= 0).map(({ event }) => event)
}

/** The open steps inside an open one. */
export function stepsWithin(run: Pick<Run, 'open'>, ancestor: number): OpenStep[] {
  return [...run.open.values()].filter((each) => isWithin(run, each, ancestor))
}

/** The compensation that the step is, or is a part of. */
export function compensationAround(run: Pick<Run, 'open'>, step: OpenStep): OpenStep | undefined {
  return [step, ...around(run, step)].find(({ compensates }) => compensates !== undefined)
}

/** The run ends, and this is no part of what it takes back. */
export function isUnwanted(run: Run, number: number): boolean {
  const step = run.open.get(number)
  return run.status === 'ending' && step !== undefined && !compensationAround(run, step)
}

/** Somebody else may be at it: what it does has perhaps happened. */
export function isUnderWay({ work }: OpenStep): boolean {
  return work !== undefined && ['call', 'emit', 'run'].includes(work.kind)
}
