import { sql, type Transaction } from 'kysely'
import { blame, causeOf } from './blame.ts'

export type Failure = {
  readonly cause: string
  /** Whether the read model's other events would fail alike. */
  readonly stops: boolean
}

/**
 * Does a part of a transaction that may fail without harm to the rest.
 *
 * @returns undefined when it worked; else nothing of it remains.
 * @throws when the database is to blame.
 */
export async function attempt(
  trx: Transaction<unknown>,
  work: () => Promise<void>,
): Promise<Failure | undefined> {
  await sql`savepoint attempt`.execute(trx)
  try {
    await work()
    await sql`release savepoint attempt`.execute(trx)
    return undefined
  } catch (error) {
    const connected = await sql`rollback to savepoint attempt`.execute(trx).then(
      () => true,
      () => false,
    )
    const blamed = blame(error, connected)
    if (blamed === 'dependency') throw error
    return { cause: causeOf(error), stops: blamed === 'read-model' }
  }
}
