import type { Kysely } from 'kysely'
import { type Columns, readColumns } from '../../projections/kernel/columns.ts'
import { type AnyReadModel, subscribedTypes } from '../../projections/kernel/read-model.ts'
import type { Position } from '../../services/ports/event-store.ts'
import type { Checkpoint } from './checkpoints.ts'
import { readParkedStreams } from './parked.ts'

/** One read model on its way through the log. */
export type Run = {
  readonly model: AnyReadModel
  readonly types: ReadonlySet<string>
  readonly columns: Columns
  /** Where the last committed batch left it; `stopped` once it goes no further. */
  checkpoint: Checkpoint
  /** Streams whose events wait behind one that could not be projected. */
  readonly parked: Set<string>
  /** Where it ends; undefined = never. */
  until: Position | undefined
}

/**
 * One that stopped is tried again from there.
 *
 * @throws {MissingTableError} when the schema does not have all of its tables.
 */
export async function startRun(
  db: Kysely<unknown>,
  schema: string,
  model: AnyReadModel,
  checkpoint: Checkpoint,
  until?: Position,
): Promise<Run> {
  return {
    model,
    types: new Set(subscribedTypes(model)),
    columns: await readColumns(db, schema, Object.keys(model.keys)),
    checkpoint: { ...checkpoint, stopped: null },
    parked: await readParkedStreams(db, schema, model.name),
    until,
  }
}

/** Every event type that one of the runs subscribes to. */
export function typesOf(runs: readonly Run[]): string[] {
  return [...new Set(runs.flatMap(({ types }) => [...types]))]
}
