import { EventStoreDBClient } from '@eventstore/db-client'
import t, { type Test } from 'tap'
import { appendRow, repetitionRow } from '../../support/eventstoredb-double/rows/append-rows.ts'
import { deleteRow } from '../../support/eventstoredb-double/rows/delete-rows.ts'
import { readAllRow, readStreamRow } from '../../support/eventstoredb-double/rows/read-rows.ts'
import {
  APPEND_PATHS,
  type AppendPath,
  type Row,
  readRows,
  type Subject,
  titleOf,
} from '../../support/eventstoredb-double/rows/row.ts'
import {
  subscribeToAllRow,
  subscribeToStreamRow,
} from '../../support/eventstoredb-double/rows/subscription-rows.ts'
import { EventStoreDbDouble } from '../../support/eventstoredb-double/server.ts'
import { waitFor } from '../../support/wait-for.ts'

/** Undefined when this subject cannot be put into the row's state. */
type Trial = (subject: Subject, row: Row) => Promise<object | undefined>

const NEVER: Trial = async () => undefined
const PATHS = Object.keys(APPEND_PATHS) as readonly AppendPath[]
const INSIDE_A_RECORD = ['pos(e4)-1', 'pos(e4)+1']

/** By `op`: every way to try a row, each with its name. */
const TRIALS: Readonly<Record<string, Readonly<Record<string, Trial>>>> = {
  appendToStream: eachPath(appendRow),
  'appendToStream.empty': eachPath(appendRow),
  'appendToStream.idempotency': eachPath(repetitionRow),
  readStream: { read: readStreamRow },
  readAll: { read: readAllRow },
  subscribeToStream: { subscribe: subscribeToStreamRow },
  subscribeToAll: { subscribe: subscribeToAllRow },
  deleteStream: { delete: deleteRow },
  tombstoneStream: { tombstone: deleteRow },
}

const rows = readRows()
if (rows === undefined)
  t.pass('The observations of the vendor’s server are not beside this repository: nothing to try.')
else {
  t.test('the double behaves as the vendor’s server was observed to', async (t) => {
    await tryRows(t, await doubleSubject(t), rows)
  })
  const url = process.env.EVENTSTORE_URL
  t.test(
    'the server at EVENTSTORE_URL behaves as the vendor’s server was observed to',
    { skip: url === undefined && 'EVENTSTORE_URL is not set.' },
    async (t) => tryRows(t, subjectAt(t, url ?? ''), rows),
  )
}

async function tryRows(t: Test, subject: Subject, rows: readonly Row[]): Promise<void> {
  const unused: string[] = []
  const counts = new Map<string, number>()
  for (const row of rows.toSorted((one, other) => fillingOf(one) - fillingOf(other))) {
    let isUsed = false
    for (const [name, trial] of Object.entries(trialsOf(row))) {
      const actual = await trial(subject, row)
      if (actual === undefined) continue
      isUsed = true
      t.match(actual, comparable(row), `${titleOf(row)} (${name})`)
    }
    if (isUsed) counts.set(row.op, (counts.get(row.op) ?? 0) + 1)
    else unused.push(titleOf(row))
    await tryLenient(t, subject, row)
  }
  t.comment(`Rows tried: ${JSON.stringify(Object.fromEntries(counts))}`)
  t.comment(`Rows not tried: ${unused.length}${unused.map((each) => `\n  ${each}`).join('')}`)
}

function trialsOf(row: Row): Readonly<Record<string, Trial>> {
  if (row.given.fromPosition?.startsWith('inside a record'))
    return Object.fromEntries(
      INSIDE_A_RECORD.map((from) => [
        from,
        (subject: Subject, row: Row) => subscribeToAllRow(subject, row, from),
      ]),
    )
  const trials = TRIALS[row.op] ?? {}
  return fillingOf(row) === 0 ? trials : { plain: trials.plain ?? NEVER }
}

/** Rows that need a long log come last, so that the others read a short one, and once. */
function fillingOf({ given }: Row): number {
  return given.case?.includes('later events in other streams') ? 1 : 0
}

async function tryLenient(t: Test, subject: Subject, row: Row): Promise<void> {
  const expected = row.expectWithThrowOnAppendFailureFalse
  if (expected === undefined) return
  for (const path of PATHS)
    t.match(
      await appendRow(subject, row, path, subject.lenient),
      expected[path],
      `${titleOf(row)} (${path}, throwOnAppendFailure=false)`,
    )
}

/** A row's expectation in the words that the trials use. */
function comparable({ expect }: Row): object {
  const { note: _note, nextExpectedRevision, ...rest } = expect
  // "+1" is said of a stream that the observer had used before; the trial's is new.
  const revision = nextExpectedRevision === '+1' ? '1' : nextExpectedRevision
  return revision === undefined ? rest : { ...rest, nextExpectedRevision: revision }
}

function eachPath(
  trial: (subject: Subject, row: Row, path: AppendPath) => Promise<object | undefined>,
): Readonly<Record<string, Trial>> {
  return Object.fromEntries(
    PATHS.map((path) => [path, (subject: Subject, row: Row) => trial(subject, row, path)]),
  )
}

async function doubleSubject(t: Test): Promise<Subject> {
  const double = await EventStoreDbDouble.start()
  t.teardown(() => double[Symbol.asyncDispose]())
  const subject = subjectAt(t, double.connectionString)
  return {
    ...subject,
    restart: async () => {
      await double.kill()
      await double.revive()
      await waitFor('the client to have a connection again', () => isConnected(subject.client))
    },
    fill: (events) => double.log.fill(events),
  }
}

async function isConnected(client: EventStoreDBClient): Promise<boolean> {
  try {
    // To the end: the client would never be done with a reading that is left before.
    for await (const _ of client.readAll({ maxCount: 1 }));
    return true
  } catch {
    return false
  }
}

function subjectAt(t: Test, url: string): Subject {
  const client = EventStoreDBClient.connectionString(url)
  const separator = url.includes('?') ? '&' : '?'
  const lenient = EventStoreDBClient.connectionString(
    `${url}${separator}throwOnAppendFailure=false`,
  )
  t.teardown(async () => {
    await client.dispose()
    await lenient.dispose()
  })
  return { client, lenient }
}
