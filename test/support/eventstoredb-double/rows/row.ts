import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import {
  type AppendExpectedRevision,
  type AppendResult,
  type Credentials,
  type EventStoreDBClient,
  jsonEvent,
} from '@eventstore/db-client'
import { waitFor } from '../../wait-for.ts'

const FILE = path.resolve(
  import.meta.dirname,
  '../../../../../shared/reference/eventstoredb-behaviour.json',
)

/** One observation of the vendor's server. Members vary with `op`; see the file's own conventions. */
export type Row = {
  readonly op: string
  readonly given: {
    readonly stream?: string
    readonly case?: string
    readonly lastRevision?: string
    readonly lastRevisionBefore?: string | null
    readonly expectedRevision?: string
    readonly events?: number
    readonly appendsBefore?: readonly (readonly string[])[]
    readonly append?: readonly string[]
    readonly appendTo?: string
    readonly thenDeleted?: boolean
    readonly between?: string
    readonly direction?: 'forwards' | 'backwards'
    readonly fromRevision?: string
    readonly fromPosition?: string
    readonly maxCount?: number | 'Infinity'
  }
  readonly expect: {
    readonly success?: boolean
    readonly throws?: string
    readonly throwsSynchronously?: string
    readonly hangs?: boolean
    readonly eventsWritten?: number
    readonly position?: string
    readonly streamAfter?: string | readonly string[]
    readonly revisions?: readonly number[]
    readonly events?: readonly string[]
    readonly emits?: readonly string[]
    readonly [member: string]: unknown
  }
  readonly expectWithThrowOnAppendFailureFalse?: { readonly batch: object; readonly plain: object }
}

/** What a row is tried on: the double, or the server at EVENTSTORE_URL. */
export type Subject = {
  readonly client: EventStoreDBClient
  /** With `throwOnAppendFailure=false`. */
  readonly lenient: EventStoreDBClient
  /** Undefined where the test cannot kill the server. */
  readonly restart?: () => Promise<void>
  /** Writes that many events to other streams; undefined where that takes too long. */
  readonly fill?: (events: number) => void
}

export const APPEND_PATHS = {
  batch: {},
  plain: { credentials: { username: 'none', password: 'none' } },
} as const satisfies Record<string, { credentials?: Credentials }>

export type AppendPath = keyof typeof APPEND_PATHS

/** Undefined where the observations are not beside the repository. */
export function readRows(): readonly Row[] | undefined {
  if (!existsSync(FILE)) return undefined
  const rows: readonly Row[] = JSON.parse(readFileSync(FILE, 'utf8'))
  return rows.filter(({ op }) => op !== undefined)
}

export function titleOf({ op, given }: Row): string {
  return `${op} ${JSON.stringify(given)}`
}

export function someEvent(id: string = randomUUID(), type = 'Observed') {
  return jsonEvent({ id, type, data: { type } })
}

export function someEvents(count: number) {
  return Array.from({ length: count }, () => someEvent())
}

export function expectation(text: string): AppendExpectedRevision {
  return text === 'any' || text === 'no_stream' || text === 'stream_exists' ? text : BigInt(text)
}

/** What a call that gives an append's result, or throws, looks like in a row. */
export async function outcomeOf(
  call: () => Promise<AppendResult>,
  placeOf: (position: bigint) => string = () => 'present',
): Promise<object> {
  try {
    const { success, nextExpectedRevision, position } = await call()
    return {
      success,
      nextExpectedRevision: String(nextExpectedRevision),
      position: position === undefined ? 'undefined' : placeOf(position.commit),
    }
  } catch (error) {
    return thrown(error)
  }
}

/** Only what a row may say of an error; an absent member is left out. */
export function thrown(error: unknown): object {
  if (!(error instanceof Error)) return { throws: String(error) }
  const { type, code, expectedVersion, actualVersion } = error as Error & Record<string, unknown>
  return {
    throws: error.constructor.name,
    type,
    code,
    message: error.message,
    ...(expectedVersion === undefined
      ? {}
      : { expectedVersion: String(expectedVersion), actualVersion: String(actualVersion) }),
  }
}

/** A new stream in the state that a row's text describes. */
export async function streamAsGiven({ client }: Subject, { op, given }: Row): Promise<string> {
  const { stream = '', lastRevision, lastRevisionBefore } = given
  const name = `row-${randomUUID()}`
  const isRevived = stream.includes('then one append') && op !== 'subscribeToStream'
  const told = /(?:last|revision|revisions 0\.\.) ?(\d+)/.exec(stream)?.[1]
  const last = Number(lastRevision ?? lastRevisionBefore ?? told ?? 1)
  const isWritten = !/^absent|^only metadata/.test(stream) && lastRevisionBefore !== null
  const isCountedLater = isRevived && lastRevision !== undefined
  if (isWritten) await client.appendToStream(name, someEvents(isCountedLater ? last : last + 1))
  if (stream.startsWith('soft-deleted')) {
    await client.deleteStream(name)
    if (isRevived) await client.appendToStream(name, someEvent())
  }
  if (stream.startsWith('tombstoned')) await client.tombstoneStream(name)
  if (stream.startsWith('only metadata')) await client.setStreamMetadata(name, { owner: 'x' })
  const truncateBefore = /truncateBefore (?:metadata )?(\d+)/.exec(stream)?.[1]
  if (truncateBefore !== undefined)
    await client.setStreamMetadata(name, { truncateBefore: Number(truncateBefore) })
  const maxCount = /maxCount metadata (\d+)/.exec(stream)?.[1]
  if (maxCount !== undefined) await client.setStreamMetadata(name, { maxCount: Number(maxCount) })
  if (stream.includes('maxAge')) await untilAgedOut(client, name)
  return name
}

async function untilAgedOut(client: EventStoreDBClient, stream: string): Promise<void> {
  await client.setStreamMetadata(stream, { maxAge: 1 })
  await waitFor('the events to age', async () => {
    let events = 0
    for await (const _ of client.readStream(stream)) events += 1
    return events === 0
  })
}
