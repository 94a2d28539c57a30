import type { Insertable, Transaction, Updateable } from 'kysely'
import type { EventMeta } from '../../domain/kernel/event.ts'

/**
 * What one event does to a table, as data. A test compares it; the projector folds a batch of
 * it by key (the last `put` wins, `patch` merges, `add` sums) into one statement a table.
 * `add` creates the row, with zeros, when there is none; `patch` of an absent row does nothing.
 */
export type Change<Tables> = {
  readonly [Table in keyof Tables & string]:
    | { readonly table: Table; readonly put: Insertable<Tables[Table]> }
    | {
        readonly table: Table
        readonly at: Key<Tables[Table]>
        readonly patch: Updateable<Tables[Table]>
      }
    | {
        readonly table: Table
        readonly at: Key<Tables[Table]>
        readonly add: Counters<Tables[Table]>
      }
    | { readonly table: Table; readonly remove: Key<Tables[Table]> }
}[keyof Tables & string]

type Key<Row> = Partial<Insertable<Row>>
type Counters<Row> = { readonly [Column in keyof Row]?: number }

type Shared<Tables> = {
  /** Checkpoint key and consumer name. */
  readonly name: string
  /** Raised when the rows mean something else: a new copy is built beside the old one. */
  readonly version: number
  /** The primary key of each table that this read model owns; the tenant comes first. */
  readonly keys: {
    readonly [Table in keyof Tables & string]: readonly (keyof Tables[Table] & string)[]
  }
}

/** Pure: the keys of `changes` are the subscription. Nearly every read model is one of these. */
export type ReadModel<Event extends { readonly type: string }, Tables> = Shared<Tables> & {
  readonly changes: {
    readonly [T in Event['type']]?: (
      event: Extract<Event, { readonly type: T }>,
      meta: EventMeta,
    ) => readonly Change<Tables>[]
  }
}

/** For rows that follow from other rows: its own SQL, over a batch, in the checkpoint's transaction. */
export type SqlReadModel<Event extends { readonly type: string }, Tables> = Shared<Tables> & {
  readonly types: readonly Event['type'][]
  readonly apply: (
    trx: Transaction<Tables>,
    batch: readonly (readonly [Event, EventMeta])[],
  ) => Promise<void>
}
