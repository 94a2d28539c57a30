import type { Json } from '../../kernel/json.ts'
import type { RunEvent } from '../run-events.ts'
import { begin, start } from './begin.ts'
import { cancelled } from './cancel.ts'
import { complete, endWell } from './complete.ts'
import { endingEvents } from './ending.ts'
import { evaluate, holds, type Place } from './evaluate.ts'
import { evolveAll } from './evolve.ts'
import { fault, standardError } from './fault.ts'
import { faultEvents, guarded } from './faulting.ts'
import { isSatisfied } from './listen.ts'
import { atRound, itemEnds, shapingOf } from './listen-item.ts'
import { type Surroundings, taskAt } from './program.ts'
import { nameOf } from './reference.ts'
import { childAt, functionOf, indexOfName, type Scope, scopeOf } from './scope.ts'
import { around, isOver, type OpenStep, type Run, stepsWithin, takenEvents } from './state.ts'

/** What one append carries at most; more is done by the next one. */
const MAX_EVENTS = 200
const MAX_TEXT = 256 * 1024
/** A run that takes more steps is taken for one that never ends. */
const MAX_STEPS = 20_000

/**
 * Everything that the run can do by itself: until it is over, waits, or has done enough for one append.
 *
 * @param maxTurns by default as many as there are.
 */
export function advance(
  run: Run,
  surroundings: Surroundings,
  maxTurns = MAX_EVENTS,
): readonly RunEvent[] {
  const events: RunEvent[] = []
  let text = 0
  let state = run
  for (let turn = 0; turn < maxTurns && events.length < MAX_EVENTS && text < MAX_TEXT; turn++) {
    const { events: next } = turnOf(state, surroundings)
    if (next.length === 0) break
    events.push(...next)
    text += JSON.stringify(next).length
    state = evolveAll(state, next)
  }
  return events
}

/** What the run does next; no events when nothing can be done without somebody else. */
type Turn = {
  /** Whose turn it is; undefined when it is the run that ends. */
  readonly place?: Place
  readonly events: readonly RunEvent[]
}

export function turnOf(run: Run, surroundings: Surroundings): Turn {
  if (isOver(run) || run.suspended) return { events: [] }
  for (const step of run.open.values()) {
    const place = { ...surroundings, run, step }
    const events = guarded(place, () => eventsOf(place))
    if (events.length > 0) return { place, events }
  }
  return { events: run.status === 'ending' ? endingEvents(run, surroundings) : [] }
}

function eventsOf(place: Place): readonly RunEvent[] {
  const { run, step } = place
  if (step.fired === 'deadline')
    return faultEvents(place, standardError('timeout', 'It took longer than its timeout.'))
  if (step.approval !== undefined) return approved(place)
  if (step.retry?.dueAt !== undefined) return []
  const late = step.fired === 'attempt' ? childIn(place) : undefined
  if (late !== undefined)
    return faultEvents(
      { ...place, step: late },
      standardError('timeout', 'The attempt took longer than its limit.'),
    )
  if (run.lastStep > MAX_STEPS)
    return faultEvents(place, standardError('runtime', `The run took ${MAX_STEPS} steps.`))
  switch (step.work?.kind) {
    case 'wait':
      return step.fired === 'wait' ? complete(place, { output: step.input }) : []
    case 'call':
    case 'emit':
    case 'run':
      return []
    case 'listen':
      return listening(place)
    case 'for':
      return inRounds(place, step.work.items.length)
    case undefined:
      return inOrder(place)
  }
}

/** What is under way in a `try`; when nothing is, it ends or its next task begins. */
function childIn({ run, step }: Place): OpenStep | undefined {
  return [...run.open.values()].find(({ parent, step: each }) => parent === step.step && each !== 0)
}

function approved(place: Place): readonly RunEvent[] {
  const { run, step, now } = place
  const { approval, reference, parent, round, rawInput } = step
  if (approval === undefined) return []
  const task = taskAt(place.program, reference)
  if (approval.answer === 'given')
    return start(run, place, {
      child: { reference, name: nameOf(reference), task },
      ...{ parent, step: step.step, round, rawInput },
      attempt: attemptIn(run, parent),
    })
  const isLate = step.fired === 'approval'
  if (approval.answer === undefined && !isLate) return []
  const inRound = round === undefined ? {} : { round }
  const skipped = { runId: run.runId, step: step.step, reference, parent, ...inRound }
  if (approval.otherwise === 'skip')
    return [{ type: 'TaskSkipped', data: { ...skipped, skippedAt: now } }]
  const why = isLate ? 'Nobody approved it in time.' : 'Its approval was refused.'
  return faultEvents(place, standardError(isLate ? 'timeout' : 'authorization', why))
}

function inOrder(place: Place): readonly RunEvent[] {
  const { program, step } = place
  const scope = scopeOf(program, step)
  if (scope === undefined) return []
  const task = step.step === 0 ? undefined : taskAt(program, step.reference)
  if (task !== undefined && 'fork' in task)
    return branches(place, scope, task.fork.compete ?? false)
  if (step.progress.open > 0) return []
  const index = following(place, scope)
  if (index === 'end') return endWell(place, step.progress.output)
  const child = childAt(scope, index)
  if (child === undefined) return complete(place, { output: step.progress.output })
  const rawInput =
    task !== undefined && 'call' in task && functionOf(program, task) !== undefined
      ? evaluate(place, task.with ?? {}, step.input)
      : step.progress.output
  return beginChild(place, scope, { index, round: undefined, rawInput })
}

/** The place in the list where a scope goes on. @throws {TaskFault} for a task that is not there. */
function following(place: Place, scope: Scope): number | 'end' {
  const { last } = place.step.progress
  if (last === undefined) return 0
  switch (last.next) {
    case 'continue':
      return last.index + 1
    case 'exit':
      return scope.list.length
    case 'end':
      return 'end'
    default: {
      const index = indexOfName(scope, last.next)
      if (index < 0) throw fault('configuration', `There is no task "${last.next}" to go on with.`)
      return index
    }
  }
}

/** The children of a loop, once for each of `rounds` that there are so far. */
function inRounds(place: Place, rounds: number): readonly RunEvent[] {
  const { program, step } = place
  const scope = scopeOf(program, step)
  if (scope === undefined || step.progress.open > 0) return []
  const { round, output, last } = step.progress
  const index = round < 0 ? scope.list.length : following(place, scope)
  if (index === 'end') return endWell(place, output)
  if (index < scope.list.length)
    return beginChild(place, scope, { index, round: Math.max(0, round), rawInput: output })
  const isLeft = last?.next === 'exit' || scope.list.length === 0
  const next = round + 1
  if (isLeft && step.work?.kind === 'listen') return complete(place, { output: takenEvents(step) })
  if (isLeft || !goesOn(place, next)) return complete(place, { output })
  if (next >= rounds) return step.work?.kind === 'for' ? complete(place, { output }) : []
  return beginChild(place, scope, { index: 0, round: next, rawInput: output })
}

/** Whether the `while` of a `for` holds for this round; there is none else. */
function goesOn(place: Place, round: number): boolean {
  const { program, step } = place
  const task = taskAt(program, step.reference)
  if (!('for' in task) || task.while === undefined || step.work?.kind !== 'for') return true
  if (round >= step.work.items.length) return true
  return holds(atRound(place, round), task.while, step.progress.output)
}

function listening(place: Place): readonly RunEvent[] {
  const { program, step } = place
  const { work } = step
  if (work?.kind !== 'listen') return []
  const events = takenEvents(step)
  const scope = scopeOf(program, step)
  if (scope !== undefined && shapingOf(place) !== undefined) {
    const next = byItem(place, scope)
    if (next.length > 0 || step.progress.open > 0) return next
    return isSatisfied(place, work) ? complete(place, { output: step.progress.items }) : []
  }
  if (scope !== undefined && scope.list.length > 0) {
    const begun = inRounds(place, events.length)
    if (begun.length > 0 || step.progress.open > 0) return begun
  }
  return isSatisfied(place, work) ? complete(place, { output: events }) : []
}

/** One event after the other: its tasks, then what comes of it. */
function byItem(place: Place, scope: Scope): readonly RunEvent[] {
  const { step } = place
  const { round, open, items, last, output } = step.progress
  const events = takenEvents(step)
  if (open > 0) return []
  if (round >= items.length) {
    const index = following(place, scope)
    if (index === 'end') return endWell(place, output)
    if (index < scope.list.length)
      return beginChild(place, scope, { index, round, rawInput: output })
    return itemEnds(place, round, output)
  }
  if (last?.next === 'exit') return complete(place, { output: items })
  const event = events[items.length]
  if (event === undefined) return []
  if (scope.list.length === 0) return itemEnds(place, items.length, event)
  return beginChild(place, scope, { index: 0, round: items.length, rawInput: output })
}

function branches(place: Place, scope: Scope, compete: boolean): readonly RunEvent[] {
  const { step } = place
  const { begun, last, open, output, outputs } = step.progress
  if (last?.next === 'end') return endWell(place, output)
  if (compete && last !== undefined) {
    return won(place, output)
  }
  if (begun < scope.list.length)
    return beginChild(place, scope, { index: begun, round: undefined, rawInput: step.input })
  if (open > 0) return []
  const results = scope.list.map((_, index) => outputs[index] ?? null)
  return complete(place, { output: results })
}

/** Whatever is still open in the fork has lost. */
function won(place: Place, output: Json): readonly RunEvent[] {
  const { run, step } = place
  const left = cancelled(place, stepsWithin(run, step.step))
  const after = evolveAll(run, left)
  return [
    ...left,
    ...complete({ ...place, run: after, step: after.open.get(step.step) ?? step }, { output }),
  ]
}

type Next = { readonly index: number; readonly round: number | undefined; readonly rawInput: Json }

function beginChild(place: Place, scope: Scope, { index, round, rawInput }: Next) {
  const { run, step } = place
  const child = childAt(scope, index)
  if (child === undefined) return []
  return begin(run, place, {
    ...{ child, round, rawInput, parent: step.step, step: run.lastStep + 1 },
    attempt: attemptIn(run, step.step),
  })
}

/** Of the nearest `try` around what begins in the step. */
function attemptIn(run: Run, parent: number): number {
  const step = run.open.get(parent)
  if (step === undefined) return 1
  return [step, ...around(run, step)].find(({ retry }) => retry !== undefined)?.retry?.attempt ?? 1
}
