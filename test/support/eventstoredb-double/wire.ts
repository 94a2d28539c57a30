import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { AppendReq, BatchAppendReq } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import type { Failure, ProposedEvent, StoredEvent } from './log.ts'

/** Sum of `data` over one append; metadata and type do not count. */
export const MAX_APPEND_BYTES = 1_048_576

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const NIL_UUID = '00000000-0000-0000-0000-000000000000'
const TICKS_PER_MS = 10_000n

export type WireError = Pick<ServiceError, 'code' | 'details' | 'metadata'>

export function wireError(
  code: status,
  details: string,
  trailers: Readonly<Record<string, string>> = {},
): WireError {
  const metadata = new Metadata()
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value)
  return { code, details, metadata }
}

export function unknownError(details: string): WireError {
  return wireError(status.UNKNOWN, details)
}

/** What the server answers where it did not foresee the input. */
export const UNHANDLED = unknownError('Exception was thrown by handler.')

export function streamDeleted(stream: string): WireError {
  return wireError(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  })
}

export function appendTooLarge(): WireError {
  return wireError(status.INVALID_ARGUMENT, 'Maximum Append Size exceeded.', {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(MAX_APPEND_BYTES),
  })
}

/** Of delete and tombstone; appends answer a wrong expectation in their response. */
export function deleteRefused(stream: string, expected: bigint, failure: Failure): WireError {
  if (failure.kind === 'stream-deleted') return streamDeleted(stream)
  return wireError(status.FAILED_PRECONDITION, 'Append failed due to WrongExpectedVersion.', {
    exception: 'wrong-expected-version',
    'stream-name': stream,
    'expected-version': String(expected),
    'actual-version': failure.actual === 'no_stream' ? '-1' : String(failure.actual),
  })
}

export function streamNameOf(
  message: { getStreamIdentifier(): shared.StreamIdentifier | undefined } | undefined,
): string {
  const name = message?.getStreamIdentifier()?.getStreamName_asU8()
  return Buffer.from(name ?? '').toString('utf8')
}

export function streamIdentifier(name: string): shared.StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(name).toString('base64'))
}

/** Undefined when the id is no UUID, which the server refuses. */
export function proposedEvent(
  message: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage,
): ProposedEvent | undefined {
  const id = message.getId()?.getString().toLowerCase() ?? ''
  if (!UUID.test(id) || id === NIL_UUID) return undefined
  const headers = message.getMetadataMap()
  return {
    id,
    type: headers.get('type') ?? '',
    contentType: headers.get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  }
}

export function sizeOf(events: readonly ProposedEvent[]): number {
  return events.reduce((sum, { data }) => sum + data.length, 0)
}

export function eventResponse(event: StoredEvent): streams.ReadResp {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(event.id))
    .setStreamIdentifier(streamIdentifier(event.stream))
    .setStreamRevision(String(event.revision))
    .setCommitPosition(String(event.position))
    .setPreparePosition(String(event.position))
    .setData(event.data)
    .setCustomMetadata(event.metadata)
  recorded
    .getMetadataMap()
    .set('type', event.type)
    .set('content-type', event.contentType)
    .set('created', String(BigInt(event.createdMs) * TICKS_PER_MS))
  return new streams.ReadResp().setEvent(
    new streams.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(String(event.position)),
  )
}
