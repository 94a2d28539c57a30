import type { AllStreamSubscription, StreamSubscription } from '@eventstore/db-client'
import { waitFor } from '../../wait-for.ts'
import { fiveEvents, positionOf } from './read-rows.ts'
import { type Row, type Subject, someEvent, someEvents, streamAsGiven } from './row.ts'

/** Written at the end: whatever else were to come would come before it. */
const LAST = 'Last'

/** The live event behind e0..e4, which rows of `$all` call x. */
const LIVE = 'e5'

export async function subscribeToStreamRow(subject: Subject, row: Row): Promise<object> {
  const { client } = subject
  const stream = await streamAsGiven(subject, row)
  const { fromRevision } = row.given
  const subscription = client.subscribeToStream(stream, {
    ...(fromRevision === undefined
      ? {}
      : {
          fromRevision:
            fromRevision === 'start' || fromRevision === 'end'
              ? fromRevision
              : BigInt(fromRevision),
        }),
  })
  return { emits: await emissions(subject, stream, subscription, row) }
}

export async function subscribeToAllRow(
  subject: Subject,
  row: Row,
  fromPosition = row.given.fromPosition ?? 'start',
): Promise<object> {
  const { stream, positions } = await fiveEvents(subject)
  const from = fromPosition.startsWith('position returned')
    ? (await subject.client.appendToStream(stream, someEvents(3))).position
    : positionOf(fromPosition, positions)
  const subscription = subject.client.subscribeToAll({ fromPosition: from ?? 'start' })
  const emits = await emissions(subject, stream, subscription, row)
  return { emits: emits.map((each) => (each === LIVE ? 'x' : each)) }
}

/** Goes through what the row expects, does what it says on the way, and takes what comes. */
async function emissions(
  subject: Subject,
  stream: string,
  subscription: StreamSubscription | AllStreamSubscription,
  { given, expect }: Row,
): Promise<readonly string[]> {
  const next = arrivals(stream, subscription)
  const append = (type?: string) =>
    subject.client.appendToStream(stream, someEvent(undefined, type))
  const hasLiveAppend = JSON.stringify(given).includes('one live append')
  const taken: string[] = []
  try {
    for (const expected of expect.emits ?? []) {
      const [, action, emission = expected] = /^\(([a-z ]+)[^)]*\) ?(.*)$/.exec(expected) ?? []
      if (action !== undefined) await act(subject, stream, action)
      taken.push(emission === '' ? expected : expected.replace(emission, await next()))
      if (expected === 'caughtUp' && hasLiveAppend) await append()
    }
    if (taken.at(-1)?.startsWith('error')) return taken
    await append(LAST)
    const last = await next()
    return last === LAST ? taken : [...taken, last]
  } finally {
    await subscription.unsubscribe().catch(() => {})
  }
}

async function act({ client }: Subject, stream: string, action: string): Promise<void> {
  if (action.startsWith('append')) await client.appendToStream(stream, someEvent())
  if (action.startsWith('soft delete')) await client.deleteStream(stream)
  if (action.startsWith('tombstone')) await client.tombstoneStream(stream)
}

/** What the subscription emits, in the words of the rows, one a call. */
function arrivals(
  stream: string,
  subscription: StreamSubscription | AllStreamSubscription,
): () => Promise<string> {
  const arrived: string[] = []
  subscription.on('confirmation', () => arrived.push('confirmation'))
  subscription.on('caughtUp', () => arrived.push('caughtUp'))
  subscription.on('error', (error) => arrived.push(`error ${error.constructor.name}`))
  subscription.on('data', ({ event }) => {
    if (event?.streamId === stream) arrived.push(event.type === LAST ? LAST : `e${event.revision}`)
  })
  return () => waitFor('the next emission', () => arrived.shift(), 3_000)
}
