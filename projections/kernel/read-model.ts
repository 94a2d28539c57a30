import type { Insertable, Transaction, Updateable } from 'kysely'
import type { EventMeta } from '../../domain/kernel/event.ts'

/**
 * What one event does to a table, as data. A test compares it; the projector folds a batch of
 * it by key into one statement a table; the audit folds it over a plain map.
 *
 * - `put` is the whole row: a column that it leaves out is blank, that is null, or 0 in a
 *   number column that may not be null. Defaults of the table are not used.
 * - `patch` sets the given columns; of an absent row it does nothing.
 * - `add` creates the row, otherwise blank, when there is none. Integers only: a sum of
 *   fractions depends on the order of adding, and then a rebuilt row is not the live one.
 * - `at` and `remove` name exactly the columns of the table's key.
 * - `where` with `patch` changes every row that has these values, whatever event made it. It
 *   costs a statement of its own: for what is rare, such as erasing a person's data.
 *
 * A `Date` and an ISO-8601 string are both right for `timestamptz`; a list fits an array or a `jsonb` column.
 */
export type Change<Tables> = {
  readonly [Table in keyof Tables & string]:
    | { readonly table: Table; readonly put: Readonly<Insertable<Tables[Table]>> }
    | {
        readonly table: Table
        readonly at: Key<Tables[Table]>
        readonly patch: Readonly<Updateable<Tables[Table]>>
      }
    | {
        readonly table: Table
        readonly at: Key<Tables[Table]>
        readonly add: Counters<Tables[Table]>
      }
    | { readonly table: Table; readonly remove: Key<Tables[Table]> }
    | {
        readonly table: Table
        readonly where: Key<Tables[Table]>
        readonly patch: Readonly<Updateable<Tables[Table]>>
      }
}[keyof Tables & string]

type Key<Row> = Readonly<Partial<Insertable<Row>>>
type Counters<Row> = { readonly [Column in keyof Row]?: number }

type Shared<Tables> = {
  /** Checkpoint key, unique in the system. */
  readonly name: string
  /** From 1. Raised when the rows mean something else: a new copy is built beside the old one. */
  readonly version: number
  /** The primary key of each table that this read model owns; `tenant_id` comes first. */
  readonly keys: {
    readonly [Table in keyof Tables & string]: readonly (keyof Tables[Table] & string)[]
  }
  /** A strict read model stops at an event that it cannot project; any other parks the event's stream. */
  readonly strict?: boolean
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

/**
 * For rows that follow from other rows: its own SQL, over a batch, in the checkpoint's
 * transaction. The rows must not depend on where one batch ends and the next begins.
 */
export type SqlReadModel<Event extends { readonly type: string }, Tables> = Shared<Tables> & {
  readonly types: readonly Event['type'][]
  readonly apply: (
    trx: Transaction<Tables>,
    batch: readonly (readonly [Event, EventMeta])[],
  ) => Promise<void>
}

/** A row, or a part of one, by column. */
export type Row = Readonly<Record<string, unknown>>

/** A change of all rows that have these values. */
export type WideChange = { readonly table: string; readonly where: Row; readonly patch: Row }

/** A change of one row. */
export type RowChange =
  | { readonly table: string; readonly put: Row }
  | { readonly table: string; readonly at: Row; readonly patch: Row }
  | {
      readonly table: string
      readonly at: Row
      readonly add: Readonly<Record<string, number | undefined>>
    }
  | { readonly table: string; readonly remove: Row }

/** `Change` of any tables. */
export type AnyChange = RowChange | WideChange

type AnyShared = {
  readonly name: string
  readonly version: number
  readonly keys: Readonly<Record<string, readonly string[]>>
  readonly strict?: boolean
}

/** A pure read model of any events and tables. `never` stands for "the events that it subscribes to". */
export type AnyPureReadModel = AnyShared & {
  readonly changes: Readonly<
    Record<string, ((event: never, meta: EventMeta) => readonly AnyChange[]) | undefined>
  >
}

export type AnySqlReadModel = AnyShared & {
  readonly types: readonly string[]
  readonly apply: (trx: never, batch: readonly (readonly [never, EventMeta])[]) => Promise<void>
}

/** What the projector runs: every `ReadModel` and `SqlReadModel` is one. */
export type AnyReadModel = AnyPureReadModel | AnySqlReadModel

/** The event types that the read model subscribes to. */
export function subscribedTypes(model: AnyReadModel): readonly string[] {
  return 'apply' in model ? model.types : Object.keys(model.changes)
}
