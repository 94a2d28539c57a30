import { type Static, Type } from 'typebox'
import { ContainedSteps, type StepChange } from '../../domain/workflows/run/contained-steps.ts'
import { nameOf } from '../../domain/workflows/run/reference.ts'
import type { RunEvent } from '../../domain/workflows/run-events.ts'
import { refuseUnreadable } from '../kernel/readable.ts'
import type { RecordedEvent } from '../ports/event-store.ts'

// What a run did, step by step, out of its stream.

const instant = Type.String({ format: 'date-time' })
const STATES = [
  ...['running', 'waiting for approval', 'waiting to retry', 'completed', 'faulted'],
  ...['skipped', 'cancelled'],
] as const

export const HistoryStep = Type.Object({
  step: Type.Integer(),
  task: Type.String({ description: 'its name' }),
  reference: Type.String({ description: 'JSON pointer of the task in the document' }),
  state: Type.Enum([...STATES]),
  attempt: Type.Optional(Type.Integer()),
  attempts: Type.Array(
    Type.Object({ attempt: Type.Integer(), dueAt: instant }, { description: 'again, and when' }),
  ),
  parent: Type.Optional(Type.Integer()),
  compensates: Type.Optional(Type.Integer({ description: 'the step that it takes back' })),
  startedAt: Type.Optional(instant),
  endedAt: Type.Optional(instant),
  input: Type.Optional(Type.Unknown()),
  output: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Unknown()),
  caughtBy: Type.Optional(Type.Integer({ description: 'the step of the `try` that went on' })),
  next: Type.Optional(Type.String({ description: 'where the flow went' })),
  approval: Type.Optional(
    Type.Object({ decision: Type.Enum(['given', 'refused']), by: Type.String(), at: instant }),
  ),
})
type HistoryStep = Static<typeof HistoryStep>

/**
 * Steps in the order that they began in.
 *
 * @param after the number of a step, exclusive. @param limit so many at most are kept in memory.
 */
export async function readHistory(
  events: AsyncIterable<RecordedEvent>,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly HistoryStep[]> {
  const steps = new Map<number, HistoryStep>()
  const contained = new ContainedSteps()
  for await (const recorded of events) {
    refuseUnreadable(recorded)
    const event = recorded as unknown as RunEvent
    for (const change of contained.apply(event)) changeContained(steps, change, recorded.time)
    if (!('step' in event.data) || event.data.step <= after) continue
    const { step } = event.data
    const known = steps.get(step) ?? newStep(event, step)
    if (known === undefined || (!steps.has(step) && steps.size >= limit)) continue
    steps.set(step, { ...known, ...changeOf(event, known) })
  }
  return [...steps.values()].sort((a, b) => a.step - b.step)
}

function changeContained(
  steps: Map<number, HistoryStep>,
  { step, state }: StepChange,
  time: string,
): void {
  const known = steps.get(step)
  if (known === undefined) return
  const { endedAt: _, ...rest } = known
  const isOpen = state === 'running' || state === 'waiting'
  steps.set(step, isOpen ? { ...rest, state: 'running' } : { ...rest, state, endedAt: time })
}

function newStep({ data }: RunEvent, step: number): HistoryStep | undefined {
  if (!('reference' in data)) return undefined
  const { reference } = data
  const parent = 'parent' in data && typeof data.parent === 'number' ? { parent: data.parent } : {}
  return { step, task: nameOf(reference), reference, state: 'running', attempts: [], ...parent }
}

function changeOf({ type, data }: RunEvent, known: HistoryStep): Partial<HistoryStep> {
  switch (type) {
    case 'TaskStarted': {
      const { attempt, startedAt, input, compensates } = data
      const back = compensates === undefined ? {} : { compensates }
      return { state: 'running', attempt, startedAt, input, ...back }
    }
    case 'ApprovalRequested':
      return { state: 'waiting for approval', startedAt: data.requestedAt }
    case 'ApprovalGiven':
      return { approval: { decision: 'given', by: data.actorId, at: data.decidedAt } }
    case 'ApprovalRefused':
      return { approval: { decision: 'refused', by: data.actorId, at: data.decidedAt } }
    case 'TaskSkipped':
      return { state: 'skipped', endedAt: data.skippedAt }
    case 'TaskCompleted':
      return {
        ...{ state: 'completed', endedAt: data.completedAt },
        ...{ output: data.output, next: data.next },
      }
    case 'TaskFaulted': {
      const caught = data.caughtBy === undefined ? {} : { caughtBy: data.caughtBy }
      return { state: 'faulted', endedAt: data.faultedAt, error: data.error, ...caught }
    }
    case 'TaskCancelled':
      return { state: 'cancelled', endedAt: data.cancelledAt }
    case 'TaskRetryScheduled': {
      const { attempt, dueAt } = data
      return { state: 'waiting to retry', attempts: [...known.attempts, { attempt, dueAt }] }
    }
    default:
      return {}
  }
}
