import { randomUUID } from 'node:crypto'
import { StreamNotFoundError } from '@eventstore/db-client'
import {
  APPEND_PATHS,
  type AppendPath,
  expectation,
  outcomeOf,
  type Row,
  type Subject,
  someEvent,
  someEvents,
  streamAsGiven,
  thrown,
} from './row.ts'

/** `appendToStream` with one event, and `.empty` with none. */
export async function appendRow(
  subject: Subject,
  row: Row,
  path: AppendPath,
  client = subject.client,
): Promise<object> {
  const { given } = row
  const stream = await streamAsGiven(subject, row)
  const before = await lettersIn(subject, stream, new Map())
  const outcome = await outcomeOf(() =>
    client.appendToStream(stream, someEvents(given.events ?? 1), {
      expectedRevision: expectation(given.expectedRevision ?? 'any'),
      ...APPEND_PATHS[path],
    }),
  )
  const after = await lettersIn(subject, stream, new Map())
  const isUnchanged = JSON.stringify(before) === JSON.stringify(after)
  return { ...outcome, streamAfter: isUnchanged ? 'unchanged' : 'changed' }
}

/** A letter is an id; a prime is another event with the same id. */
type Letters = Map<string, string>

/** Undefined when this subject cannot be put into the row's state. */
export async function repetitionRow(
  subject: Subject,
  row: Row,
  path: AppendPath,
): Promise<object | undefined> {
  const { given } = row
  const ids: Letters = new Map()
  const stream = `row-${randomUUID()}`
  const append = (to: string, letters: readonly string[], expectedRevision = 'any') =>
    subject.client.appendToStream(
      to,
      letters.map((letter) => eventOf(letter, ids)),
      {
        expectedRevision: expectation(expectedRevision),
        ...APPEND_PATHS[path],
      },
    )
  const prepared = await prepare(subject, given, stream, append)
  if (prepared === undefined) return undefined
  const before = await positionsIn(subject, prepared.appendTo)
  const outcome = await outcomeOf(
    () => append(prepared.appendTo, prepared.letters, given.expectedRevision),
    (position) => (before.includes(position) ? 'stored' : 'new'),
  )
  const after = await positionsIn(subject, prepared.appendTo)
  return {
    ...outcome,
    eventsWritten: after.length - before.length,
    streamAfter: await lettersIn(subject, prepared.appendTo, ids),
  }
}

type Append = (to: string, letters: readonly string[]) => Promise<unknown>

async function prepare(
  { client, restart, fill }: Subject,
  { case: title = '', appendsBefore, append = ['A'], ...given }: Row['given'],
  stream: string,
  write: Append,
): Promise<{ readonly appendTo: string; readonly letters: readonly string[] } | undefined> {
  const letters = append
  if (title.startsWith('id already used')) {
    const other = `row-${randomUUID()}`
    await write(stream, letters)
    await write(other, letters)
    return { appendTo: title.endsWith('s1') ? stream : other, letters }
  }
  const later = /after (\d+) later events in other/.exec(title)?.[1]
  if (later !== undefined) {
    if (fill === undefined) return undefined
    await write(stream, letters)
    fill(Number(later))
    return { appendTo: stream, letters }
  }
  if (title.startsWith('truncated event')) {
    await write(stream, ['A', 'X', 'Y'])
    await client.setStreamMetadata(stream, { truncateBefore: 2 })
    return { appendTo: stream, letters }
  }
  for (const each of appendsBefore ?? []) await write(stream, each)
  if (given.thenDeleted) await client.deleteStream(stream)
  if (given.between !== undefined) {
    if (restart === undefined) return undefined
    await restart()
  }
  return { appendTo: given.appendTo === undefined ? stream : `row-${randomUUID()}`, letters }
}

function eventOf(letter: string, ids: Letters) {
  const plain = letter.replace("'", '')
  const id = ids.get(plain) ?? randomUUID()
  ids.set(plain, id)
  return someEvent(id, letter)
}

/** The letters of the stream's events, or the name of the error that reading it throws. */
async function lettersIn(
  { client }: Subject,
  stream: string,
  ids: Letters,
): Promise<string | readonly string[]> {
  const letters: string[] = []
  try {
    for await (const { event } of client.readStream(stream)) {
      const known = [...ids].find(([, id]) => id === event?.id)?.[0]
      letters.push(known === undefined || known !== event?.type ? String(event?.type) : known)
    }
    return letters
  } catch (error) {
    return String(Object.values(thrown(error))[0])
  }
}

async function positionsIn({ client }: Subject, stream: string): Promise<readonly bigint[]> {
  const positions: bigint[] = []
  try {
    for await (const { event } of client.readStream(stream))
      positions.push(event?.position?.commit ?? 0n)
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error
  }
  return positions
}
