import pg from 'pg'

/**
 * What a failure to project says something about: the `event` (others will do), the
 * `read-model` (all its events fail alike: a table or a right is missing), or a `dependency`
 * (the database is away or short of something: the same work may succeed later).
 */
export type Blame = 'event' | 'read-model' | 'dependency'

/** SQLSTATE classes: 21 cardinality, 22 data, 23 constraint, 54 too large or complex, P0 raised. */
const EVENT_CLASSES = new Set(['21', '22', '23', '54', 'P0'])
/** 0A not supported, 26 and 34 unknown names, 2F, 38, 39 routines, 42 unknown or forbidden object. */
const READ_MODEL_CLASSES = new Set(['0A', '26', '2F', '34', '38', '39', '42'])

/** @param connected whether the connection still works after the error. */
export function blame(error: unknown, connected: boolean): Blame {
  if (!connected) return 'dependency'
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return 'event'
  const sqlClass = error.code.slice(0, 2)
  if (EVENT_CLASSES.has(sqlClass)) return 'event'
  return READ_MODEL_CLASSES.has(sqlClass) ? 'read-model' : 'dependency'
}

const MAX_CAUSE_LENGTH = 2_000

/** One line for the operator; the database's own message names no values of the row. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return cause.replaceAll('\u0000', '\uFFFD').slice(0, MAX_CAUSE_LENGTH)
}
