import streams from '@eventstore/db-client/generated/streams_pb.js'
import { LARGEST_REVISION, type Log, type StoredEvent } from './log.ts'
import {
  eventResponse,
  streamDeleted,
  streamIdentifier,
  streamNameOf,
  UNHANDLED,
  unknownError,
  type WireError,
} from './wire.ts'

const END_ON_THE_WIRE = 18_446_744_073_709_551_615n
const STREAM_READ_ERROR = unknownError('Unexpected ReadStreamResult: Error')
const ALL_READ_ERROR = unknownError('Unexpected ReadAllResult: Error')

/** `never` is the read of `$all` with a count of 0: no event, no end, no error. */
export type Reading = Iterable<streams.ReadResp> | WireError | 'never'

export function isWireError(reading: object): reading is WireError {
  return 'code' in reading
}

export function readStream(log: Log, options: streams.ReadReq.Options): Reading {
  const stream = streamNameOf(options.getStream())
  if (stream === '') return UNHANDLED
  const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS
  const count = Number(options.getCount())
  const from = firstRevision(options.getStream(), backwards)
  if (count === 0) return STREAM_READ_ERROR
  if (typeof from !== 'bigint') return from
  const reading = log.read(stream)
  if (reading.kind === 'stream-deleted') return streamDeleted(stream)
  if (reading.kind === 'not-found') return [streamNotFound(stream)]
  const { events } = reading
  const wanted = backwards
    ? events.filter(({ revision }) => revision <= from).reverse()
    : events.filter(({ revision }) => revision >= from)
  return responses(wanted, count)
}

function firstRevision(
  options: streams.ReadReq.Options.StreamOptions | undefined,
  backwards: boolean,
): bigint | WireError {
  if (options?.hasStart()) return 0n
  if (options?.hasEnd()) return backwards ? LARGEST_REVISION : STREAM_READ_ERROR
  const revision = BigInt(options?.getRevision() ?? 0)
  if (revision === END_ON_THE_WIRE) return STREAM_READ_ERROR
  return revision > LARGEST_REVISION ? UNHANDLED : revision
}

/** A filter in the request is ignored, as the server does. */
export function readAll(log: Log, options: streams.ReadReq.Options): Reading {
  const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS
  const count = Number(options.getCount())
  if (count === 0) return 'never'
  const index = indexInLog(log, options.getAll(), backwards ? 'backwards' : 'forwards')
  if (typeof index !== 'number') return index
  const wanted = backwards ? log.all.slice(0, index).reverse() : log.all.slice(index)
  return responses(wanted, count)
}

/**
 * Index in the log at which a forwards read or a subscription begins, and before which a
 * backwards read does. A position inside a record is an error; what is beyond the newest event's
 * beginning depends on who asks.
 */
export function indexInLog(
  log: Log,
  options: streams.ReadReq.Options.AllOptions | undefined,
  asker: 'forwards' | 'backwards' | 'subscription',
): number | WireError {
  if (options?.hasStart()) return 0
  if (options?.hasEnd()) return log.all.length
  const commit = BigInt(options?.getPosition()?.getCommitPosition() ?? 0)
  const prepare = BigInt(options?.getPosition()?.getPreparePosition() ?? 0)
  if (prepare > commit) return UNHANDLED
  const index = log.indexAt(commit)
  if (log.all[index]?.position === commit) return index
  if (index < log.all.length || asker === 'backwards') return ALL_READ_ERROR
  return asker === 'subscription' && commit < log.end ? ALL_READ_ERROR : index
}

function* responses(events: readonly StoredEvent[], count: number): Iterable<streams.ReadResp> {
  for (const event of events.slice(0, count)) yield eventResponse(event)
}

function streamNotFound(stream: string): streams.ReadResp {
  return new streams.ReadResp().setStreamNotFound(
    new streams.ReadResp.StreamNotFound().setStreamIdentifier(streamIdentifier(stream)),
  )
}
