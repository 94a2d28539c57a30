import { randomUUID } from 'node:crypto'
import {
  END,
  type Position,
  type ReadPosition,
  type ReadRevision,
  type ResolvedEvent,
  START,
  type StreamingRead,
} from '@eventstore/db-client'
import { type Row, type Subject, someEvents, streamAsGiven, thrown } from './row.ts'

const HANGING_MS = 2_000
const FAR_BEYOND: Position = { commit: 2n ** 62n, prepare: 2n ** 62n }

export async function readStreamRow(subject: Subject, row: Row): Promise<object> {
  const { given } = row
  const stream = await streamAsGiven(subject, row)
  try {
    const reading = subject.client.readStream(stream, {
      ...(given.direction === undefined ? {} : { direction: given.direction }),
      ...(given.fromRevision === undefined ? {} : { fromRevision: revisionOf(given.fromRevision) }),
      ...(given.maxCount === undefined ? {} : { maxCount: Number(given.maxCount) }),
    })
    return await readingOf(reading, ({ event }) => Number(event?.revision), 'revisions')
  } catch (error) {
    const { throws, ...rest } = thrown(error) as { readonly throws: string }
    return { throwsSynchronously: throws, ...rest }
  }
}

export type Events = { readonly stream: string; readonly positions: readonly bigint[] }

/** Five events e0..e4 of one append, the newest of the log. */
export async function fiveEvents({ client }: Subject): Promise<Events> {
  const stream = `row-${randomUUID()}`
  await client.appendToStream(stream, someEvents(5))
  const positions: bigint[] = []
  for await (const { event } of client.readStream(stream))
    positions.push(event?.position?.commit ?? 0n)
  return { stream, positions }
}

export async function readAllRow(subject: Subject, { given }: Row): Promise<object> {
  const { stream, positions } = await fiveEvents(subject)
  const reading = subject.client.readAll({
    ...(given.direction === undefined ? {} : { direction: given.direction }),
    ...(given.fromPosition === undefined
      ? {}
      : { fromPosition: positionOf(given.fromPosition, positions) }),
    ...(given.maxCount === undefined ? {} : { maxCount: Number(given.maxCount) }),
  })
  return await readingOf(
    reading,
    ({ event }) => (event?.streamId === stream ? `e${event.revision}` : '...'),
    'events',
  )
}

/** A position as rows write it: `pos(e2)`, `pos(e4)+1`, `commit=pos(e2), prepare=0` … */
export function positionOf(text: string, positions: readonly bigint[]): ReadPosition {
  if (text === 'start') return START
  if (text === 'end') return END
  if (text === 'far beyond the end') return FAR_BEYOND
  const [, event, offset] = /pos\(e(\d)\)([+-]\d+)?/.exec(text) ?? [undefined, '2']
  const commit = (positions[Number(event)] ?? 0n) + BigInt(offset ?? 0)
  if (text.includes('prepare=0')) return { commit, prepare: 0n }
  return { commit, prepare: text === 'prepare > commit' ? commit + 1n : commit }
}

function revisionOf(text: string): ReadRevision {
  return text === 'start' || text === 'end' ? text : BigInt(text)
}

/** The members come as they arrive; what was still to come after `HANGING_MS` counts as hanging. */
async function readingOf<Event extends ResolvedEvent>(
  reading: StreamingRead<Event>,
  member: (event: Event) => unknown,
  name: string,
): Promise<object> {
  const members: unknown[] = []
  let timer: NodeJS.Timeout | undefined
  const hanging = new Promise<object>((resolve) => {
    timer = setTimeout(() => resolve({ hangs: members.length === 0 }), HANGING_MS)
  })
  const read = async () => {
    try {
      for await (const event of reading as AsyncIterable<Event>) {
        members.push(member(event))
        timer?.refresh()
      }
      return { [name]: members }
    } catch (error) {
      return thrown(error)
    }
  }
  try {
    return await Promise.race([read(), hanging])
  } finally {
    clearTimeout(timer)
    void reading.cancel()
  }
}
