import type { Transaction } from 'kysely'
import { carryOut } from '../../projections/kernel/carry-out.ts'
import type { Step } from './plan.ts'
import type { Run } from './run.ts'

/** Writes the rows of some steps, as one. */
export async function project(
  trx: Transaction<unknown>,
  { model, columns }: Run,
  steps: readonly Step[],
): Promise<void> {
  if (steps.length === 0) return
  if ('apply' in model) {
    const batch = steps.map(({ event }) => [event as never, event] as const)
    await model.apply(trx as never, batch)
    return
  }
  const changes = steps.flatMap((step) => step.changes)
  for (const statement of carryOut(model.keys, columns, changes)) await statement.execute(trx)
}
