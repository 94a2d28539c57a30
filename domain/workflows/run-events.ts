import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import type { Json } from '../kernel/json.ts'
import { firstVersion, withOptionalMember } from '../kernel/upcast.ts'
import { EventReceivedV1, EventReceivedV2, ListenItemCompletedV1 } from './listen-events.ts'
import type { Work } from './run/work.ts'
import { actorId, instant, of, personal, reference, runId, step } from './run-event-parts.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const error = personal<WorkflowError>('an error of the Serverless Workflow DSL (RFC 9457)')

/** As the DSL has it; `instance` is the reference of the task that raised it. */
export type WorkflowError = {
  readonly type: string
  readonly status: number
  readonly title?: string
  readonly detail?: string
  readonly instance?: string
}

export const WorkflowRunStartedV1 = Type.Object(
  {
    runId,
    namespace: Type.String({ maxLength: 63 }),
    name: Type.String({ maxLength: 63 }),
    version: Type.String({ maxLength: 200 }),
    documentHash: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256' }),
    owner: Type.Object(
      { actorId, scopes: Type.Array(Type.String({ maxLength: 100 })) },
      { additionalProperties: false, description: 'in whose name the run acts' },
    ),
    trigger: Type.Enum(['request', 'rule', 'schedule', 'event', 'run'], {
      description: 'what started it',
    }),
    parent: Type.Optional(
      Type.Object(of, { additionalProperties: false, description: 'the run that waits for it' }),
    ),
    depth: Type.Integer({ minimum: 0, description: 'runs that wait for it, one within the other' }),
    input: personal<Json>('as it was given'),
    transformed: Type.Optional(personal<Json>('what `input.from` made of it')),
    deadline: Type.Optional(instant),
    startedAt: instant,
  },
  { $id: 'workflows.WorkflowRunStarted.v1', additionalProperties: false },
)

/** `work` is what the step waits for or has others do; a step without it is done by its children. */
export const TaskStartedV1 = Type.Object(
  {
    ...of,
    reference,
    parent: step,
    round: Type.Optional(Type.Integer({ minimum: 0, description: 'of the loop around it' })),
    attempt: Type.Integer({ minimum: 1, description: 'of the nearest `try` around it' }),
    compensates: Type.Optional(step),
    compensable: Type.Optional(Type.Literal(true)),
    deadline: Type.Optional(instant),
    attemptUntil: Type.Optional({ ...instant, description: 'of the first attempt of a `try`' }),
    until: Type.Optional({ ...instant, description: 'when a `wait` is over' }),
    listensTo: Type.Optional(
      Type.Array(Type.String({ maxLength: 1_000 }), { description: "types of events; '' = all" }),
    ),
    input: personal<Json>('after `input.from`'),
    work: Type.Optional(personal<Work>('with every expression evaluated')),
    startedAt: instant,
  },
  { $id: 'workflows.TaskStarted.v1', additionalProperties: false },
)

/** Its `if` was false, or its approval was not given and it is left out then. */
export const TaskSkippedV1 = Type.Object(
  {
    ...of,
    reference,
    parent: step,
    round: Type.Optional(Type.Integer({ minimum: 0 })),
    skippedAt: instant,
  },
  { $id: 'workflows.TaskSkipped.v1', additionalProperties: false },
)

export const TaskCompletedV1 = Type.Object(
  {
    ...of,
    output: personal<Json>('after `output.as`'),
    context: Type.Optional(personal<Json>('what `export.as` made of the context')),
    next: Type.String({ maxLength: 1_000, description: '`continue`, `exit`, `end` or a task' }),
    completedAt: instant,
  },
  { $id: 'workflows.TaskCompleted.v1', additionalProperties: false },
)

/** `caughtBy`: the `try` that ends everything in it and goes on with its `catch`. */
export const TaskFaultedV1 = Type.Object(
  { ...of, error, caughtBy: Type.Optional(step), faultedAt: instant },
  { $id: 'workflows.TaskFaulted.v1', additionalProperties: false },
)

export const TaskRetryScheduledV1 = Type.Object(
  {
    ...of,
    attempt: Type.Integer({ minimum: 2 }),
    dueAt: instant,
    attemptMs: Type.Optional(Type.Integer({ minimum: 0, description: 'that it may take' })),
    scheduledAt: instant,
  },
  { $id: 'workflows.TaskRetryScheduled.v1', additionalProperties: false },
)

/** It was under way, or waited, when nobody needed its outcome any more. */
export const TaskCancelledV1 = Type.Object(
  { ...of, cancelledAt: instant },
  { $id: 'workflows.TaskCancelled.v1', additionalProperties: false },
)

export const TimerFiredV1 = Type.Object(
  {
    ...of,
    timer: Type.Enum(['wait', 'retry', 'deadline', 'approval', 'attempt']),
    dueAt: instant,
    attemptUntil: Type.Optional({ ...instant, description: 'of the attempt that now begins' }),
    firedAt: instant,
  },
  { $id: 'workflows.TimerFired.v1', additionalProperties: false },
)

export const ApprovalRequestedV1 = Type.Object(
  {
    ...of,
    reference,
    parent: step,
    round: Type.Optional(Type.Integer({ minimum: 0 })),
    by: Type.Object(
      {
        scope: Type.Optional(Type.String({ maxLength: 100 })),
        actors: Type.Optional(Type.Array(actorId)),
      },
      { additionalProperties: false },
    ),
    until: Type.Optional(instant),
    otherwise: Type.Enum(['fault', 'skip']),
    requestedAt: instant,
  },
  { $id: 'workflows.ApprovalRequested.v1', additionalProperties: false },
)

const decided = {
  ...of,
  actorId,
  comment: Type.Optional(personal<string>('of whoever decided')),
  decidedAt: instant,
}

export const ApprovalGivenV1 = Type.Object(decided, {
  $id: 'workflows.ApprovalGiven.v1',
  additionalProperties: false,
})

export const ApprovalRefusedV1 = Type.Object(decided, {
  $id: 'workflows.ApprovalRefused.v1',
  additionalProperties: false,
})

export const RunSuspendedV1 = Type.Object(
  { runId, suspendedAt: instant },
  { $id: 'workflows.RunSuspended.v1', additionalProperties: false },
)

export const RunResumedV1 = Type.Object(
  { runId, resumedAt: instant },
  { $id: 'workflows.RunResumed.v1', additionalProperties: false },
)

/** Nothing new begins; what is under way is waited for, then it is compensated. */
export const RunCancelRequestedV1 = Type.Object(
  { runId, requestedAt: instant },
  { $id: 'workflows.RunCancelRequested.v1', additionalProperties: false },
)

/** The run is again where it was before this step. */
export const RunRetriedV1 = Type.Object(
  {
    ...of,
    reference,
    timers: Type.Array(Type.Object({ step, dueAt: instant }, { additionalProperties: false })),
    listeners: Type.Array(
      Type.Object(
        { step, listensTo: Type.Array(Type.String({ maxLength: 1_000 })) },
        { additionalProperties: false, description: 'steps that wait for events again' },
      ),
    ),
    retriedAt: instant,
  },
  { $id: 'workflows.RunRetried.v1', additionalProperties: false },
)

export const CompensationStartedV1 = Type.Object(
  { runId, steps: Type.Array(step, { description: 'in this order' }), startedAt: instant },
  { $id: 'workflows.CompensationStarted.v1', additionalProperties: false },
)

export const CompensationCompletedV1 = Type.Object(
  { runId, failed: Type.Array(step), completedAt: instant },
  { $id: 'workflows.CompensationCompleted.v1', additionalProperties: false },
)

export const RunCompletedV1 = Type.Object(
  { runId, output: personal<Json>('after `output.as`'), completedAt: instant },
  { $id: 'workflows.RunCompleted.v1', additionalProperties: false },
)

export const RunFaultedV1 = Type.Object(
  { runId, error, faultedAt: instant },
  { $id: 'workflows.RunFaulted.v1', additionalProperties: false },
)

export const RunCancelledV1 = Type.Object(
  { runId, cancelledAt: instant },
  { $id: 'workflows.RunCancelled.v1', additionalProperties: false },
)

export type RunEvent =
  | EventOf<'WorkflowRunStarted', typeof WorkflowRunStartedV1>
  | EventOf<'TaskStarted', typeof TaskStartedV1>
  | EventOf<'TaskSkipped', typeof TaskSkippedV1>
  | EventOf<'TaskCompleted', typeof TaskCompletedV1>
  | EventOf<'TaskFaulted', typeof TaskFaultedV1>
  | EventOf<'TaskRetryScheduled', typeof TaskRetryScheduledV1>
  | EventOf<'TaskCancelled', typeof TaskCancelledV1>
  | EventOf<'TimerFired', typeof TimerFiredV1>
  | EventOf<'EventReceived', typeof EventReceivedV2>
  | EventOf<'ListenItemCompleted', typeof ListenItemCompletedV1>
  | EventOf<'ApprovalRequested', typeof ApprovalRequestedV1>
  | EventOf<'ApprovalGiven', typeof ApprovalGivenV1>
  | EventOf<'ApprovalRefused', typeof ApprovalRefusedV1>
  | EventOf<'RunSuspended', typeof RunSuspendedV1>
  | EventOf<'RunResumed', typeof RunResumedV1>
  | EventOf<'RunCancelRequested', typeof RunCancelRequestedV1>
  | EventOf<'RunRetried', typeof RunRetriedV1>
  | EventOf<'CompensationStarted', typeof CompensationStartedV1>
  | EventOf<'CompensationCompleted', typeof CompensationCompletedV1>
  | EventOf<'RunCompleted', typeof RunCompletedV1>
  | EventOf<'RunFaulted', typeof RunFaultedV1>
  | EventOf<'RunCancelled', typeof RunCancelledV1>

export const runEvents = {
  WorkflowRunStarted: firstVersion(WorkflowRunStartedV1),
  TaskStarted: firstVersion(TaskStartedV1),
  TaskSkipped: firstVersion(TaskSkippedV1),
  TaskCompleted: firstVersion(TaskCompletedV1),
  TaskFaulted: firstVersion(TaskFaultedV1),
  TaskRetryScheduled: firstVersion(TaskRetryScheduledV1),
  TaskCancelled: firstVersion(TaskCancelledV1),
  TimerFired: firstVersion(TimerFiredV1),
  EventReceived: withOptionalMember(EventReceivedV1, EventReceivedV2),
  ListenItemCompleted: firstVersion(ListenItemCompletedV1),
  ApprovalRequested: firstVersion(ApprovalRequestedV1),
  ApprovalGiven: firstVersion(ApprovalGivenV1),
  ApprovalRefused: firstVersion(ApprovalRefusedV1),
  RunSuspended: firstVersion(RunSuspendedV1),
  RunResumed: firstVersion(RunResumedV1),
  RunCancelRequested: firstVersion(RunCancelRequestedV1),
  RunRetried: firstVersion(RunRetriedV1),
  CompensationStarted: firstVersion(CompensationStartedV1),
  CompensationCompleted: firstVersion(CompensationCompletedV1),
  RunCompleted: firstVersion(RunCompletedV1),
  RunFaulted: firstVersion(RunFaultedV1),
  RunCancelled: firstVersion(RunCancelledV1),
}
