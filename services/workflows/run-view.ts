import { type Static, Type } from 'typebox'
import { nextActions, timersOf } from '../../domain/workflows/run/owed.ts'
import type { OpenStep, Run } from '../../domain/workflows/run/state.ts'

export const runId = Type.String({ format: 'uuid' })
export const position = Type.String({ description: 'place in the log, for `atLeast`' })

const WorkflowError = Type.Object({
  type: Type.String(),
  status: Type.Integer(),
  title: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  instance: Type.Optional(Type.String()),
})

const Step = Type.Object({
  step: Type.Integer(),
  reference: Type.String({ description: 'JSON pointer of the task in the document' }),
  attempt: Type.Integer(),
  startedAt: Type.String({ format: 'date-time' }),
  waitsFor: Type.Optional(
    Type.Enum(['call', 'emit', 'run', 'event', 'time', 'approval'], {
      description: 'left out for a step that is done by its children',
    }),
  ),
  dueAt: Type.Optional(
    Type.String({ format: 'date-time', description: 'when something happens by itself' }),
  ),
})

export const RunView = Type.Object({
  runId,
  workflow: Type.String({ description: '`<namespace>.<name>`' }),
  version: Type.String(),
  status: Type.Enum(['running', 'ending', 'completed', 'faulted', 'cancelled']),
  suspended: Type.Boolean(),
  trigger: Type.String(),
  owner: Type.String({ description: 'in whose name it acts' }),
  parent: Type.Optional(Type.Object({ runId, step: Type.Integer() })),
  startedAt: Type.String({ format: 'date-time' }),
  input: Type.Unknown(),
  context: Type.Unknown(),
  output: Type.Optional(Type.Unknown()),
  error: Type.Optional(WorkflowError),
  open: Type.Array(Step),
})

export function runView(run: Run): Static<typeof RunView> {
  const { result } = run
  const actions = new Set(nextActions(run).map(({ step }) => step))
  const due = new Map(timersOf(run).map(({ step, dueAt }) => [step, dueAt]))
  return {
    ...{ runId: run.runId, workflow: `${run.namespace}.${run.name}`, version: run.version },
    ...{ status: run.status as Static<typeof RunView>['status'], suspended: run.suspended },
    ...{ trigger: run.trigger, owner: run.owner.actorId, startedAt: run.startedAt },
    ...(run.parent === undefined ? {} : { parent: run.parent }),
    ...{ input: run.input, context: run.context },
    ...(result !== undefined && 'output' in result ? { output: result.output } : {}),
    ...(result !== undefined && 'error' in result ? { error: { ...result.error } } : {}),
    open: [...run.open.values()]
      .filter(({ step }) => step !== 0)
      .map((step) => stepView(step, actions.has(step.step), due.get(step.step))),
  }
}

function stepView(each: OpenStep, isOwed: boolean, dueAt: string | undefined) {
  const { step, reference, attempt, startedAt } = each
  const waitsFor = waitsOf(each, isOwed)
  return {
    ...{ step, reference, attempt, startedAt },
    ...(waitsFor === undefined ? {} : { waitsFor }),
    ...(dueAt === undefined ? {} : { dueAt }),
  }
}

function waitsOf(
  { approval, retry, work }: OpenStep,
  isOwed: boolean,
): Static<typeof Step>['waitsFor'] {
  if (approval !== undefined) return 'approval'
  if (retry?.dueAt !== undefined || work?.kind === 'wait') return 'time'
  if (work?.kind === 'listen') return 'event'
  return isOwed && work !== undefined && work.kind !== 'for' ? work.kind : undefined
}
