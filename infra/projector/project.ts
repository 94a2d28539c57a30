import type { Transaction } from 'kysely'
import { carryOut } from '../../projections/kernel/carry-out.ts'
import type { Step } from './plan.ts'
import type { Run } from './run.ts'

/** Writes rows, in the projector's transaction. */
export type Writing = (trx: Transaction<unknown>) => Promise<void>

/**
 * What can be done of some steps, as one, before there is a transaction.
 *
 * The writing fails where the steps do not fit the tables.
 */
export function projection(run: Run, steps: readonly Step[]): Writing {
  const { model } = run
  if (steps.length === 0) return async () => {}
  if ('apply' in model) {
    const batch = steps.map(({ event }) => [event as never, event] as const)
    return (trx) => model.apply(trx as never, batch)
  }
  try {
    const changes = steps.flatMap((step) => step.changes)
    const encoded = [...carryOut(model.keys, run.columns, changes)]
    return async (trx) => {
      for (const statement of encoded) await statement.execute(trx)
    }
  } catch (error) {
    return () => Promise.reject(error)
  }
}
