import type { Json } from '../../kernel/json.ts'
import { indexOf } from './reference.ts'
import type { OpenStep, Progress, Run } from './state.ts'

// Changes of the steps that are open; the run before stays as it is.

export function change(run: Run, step: number, changed: (each: OpenStep) => OpenStep): Run {
  const each = run.open.get(step)
  return each === undefined ? run : { ...run, open: new Map(run.open).set(step, changed(each)) }
}

export function inProgress(run: Run, step: number, changed: (progress: Progress) => Progress): Run {
  return change(run, step, (each) => ({ ...each, progress: changed(each.progress) }))
}

export function omit(open: Run['open'], steps: readonly number[]): Run['open'] {
  const rest = new Map(open)
  for (const step of steps) rest.delete(step)
  return rest
}

export function childBegins(run: Run, parent: number, round: number | undefined): Run {
  return inProgress(run, parent, (progress) => {
    const begun = { ...progress, open: progress.open + 1, begun: progress.begun + 1 }
    return round === undefined || round === progress.round ? begun : newRound(begun, round)
  })
}

/** Nothing has ended in it yet. */
function newRound({ last: _last, ...progress }: Progress, round: number): Progress {
  return { ...progress, round }
}

export function childEnds(
  run: Run,
  parent: number,
  reference: string,
  output: Json | undefined,
  next: string,
): Run {
  const index = indexOf(reference)
  return inProgress(run, parent, (progress) => {
    const value = output === undefined ? progress.output : output
    return {
      ...progress,
      open: progress.open - 1,
      last: { index, next },
      output: value,
      outputs: { ...progress.outputs, [index]: value },
    }
  })
}
