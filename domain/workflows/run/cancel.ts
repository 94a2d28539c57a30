import type { RunEvent } from '../run-events.ts'
import type { OpenStep, Run } from './state.ts'

/** Those of the steps that are under way or wait for something; the others only contain them. */
export function cancelled(
  { run, now }: { readonly run: Run; readonly now: string },
  steps: Iterable<OpenStep>,
): readonly RunEvent[] {
  return [...steps]
    .filter(({ work, approval }) => approval !== undefined || (work && work.kind !== 'for'))
    .map(({ step }) => ({
      type: 'TaskCancelled',
      data: { runId: run.runId, step, cancelledAt: now },
    }))
}
