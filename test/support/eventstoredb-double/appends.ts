import shared from '@eventstore/db-client/generated/shared_pb.js'
import statusMessages from '@eventstore/db-client/generated/status_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { status } from '@grpc/grpc-js'
import any from 'google-protobuf/google/protobuf/any_pb.js'
import empty from 'google-protobuf/google/protobuf/empty_pb.js'
import type { AppendOutcome, Expectation, Log, ProposedEvent } from './log.ts'
import {
  appendTooLarge,
  MAX_APPEND_BYTES,
  proposedEvent,
  sizeOf,
  streamDeleted,
  streamIdentifier,
  streamNameOf,
  UNHANDLED,
  type WireError,
} from './wire.ts'

/** One `Streams/Append` call: options first, then one message an event. */
export function appendPlain(
  log: Log,
  [header, ...rest]: readonly streams.AppendReq[],
): streams.AppendResp | WireError {
  const options = header?.getOptions()
  const stream = streamNameOf(options)
  const events = proposedOf(rest.map((each) => each.getProposedMessage()))
  if (options === undefined || events === undefined || stream === '') return UNHANDLED
  if (sizeOf(events) > MAX_APPEND_BYTES) return appendTooLarge()
  const expectation = options.hasRevision()
    ? BigInt(options.getRevision())
    : namedExpectation(options)
  const outcome = log.append(stream, events, expectation)
  if (outcome.kind === 'stream-deleted') return streamDeleted(stream)
  return plainResponse(outcome, expectation)
}

function plainResponse(
  outcome: Exclude<AppendOutcome, { kind: 'stream-deleted' }>,
  expectation: Expectation,
): streams.AppendResp {
  if (outcome.kind === 'appended') {
    const success = new streams.AppendResp.Success().setCurrentRevision(String(outcome.revision))
    if (outcome.position === undefined) success.setNoPosition(new shared.Empty())
    else
      success.setPosition(
        new streams.AppendResp.Position()
          .setCommitPosition(String(outcome.position))
          .setPreparePosition(String(outcome.position)),
      )
    return new streams.AppendResp().setSuccess(success)
  }
  const refused = new streams.AppendResp.WrongExpectedVersion()
  if (outcome.actual === 'no_stream') refused.setCurrentNoStream(new shared.Empty())
  else refused.setCurrentRevision(String(outcome.actual))
  if (expectation === 'any') refused.setExpectedAny(new shared.Empty())
  else if (expectation === 'no_stream') refused.setExpectedNoStream(new shared.Empty())
  else if (expectation === 'stream_exists') refused.setExpectedStreamExists(new shared.Empty())
  else refused.setExpectedRevision(String(expectation))
  return new streams.AppendResp().setWrongExpectedVersion(refused)
}

type Pending = {
  readonly options: streams.BatchAppendReq.Options
  readonly messages: streams.BatchAppendReq.ProposedMessage[]
}

/** The appends of one `Streams/BatchAppend` call: each may come in several messages. */
export class BatchAppends {
  readonly #log: Log
  readonly #pending = new Map<string, Pending>()

  constructor(log: Log) {
    this.#log = log
  }

  /** @returns undefined until the append's last message is there. */
  receive(request: streams.BatchAppendReq): streams.BatchAppendResp | undefined {
    const correlation = request.getCorrelationId()?.getString() ?? ''
    const options = request.getOptions() ?? this.#pending.get(correlation)?.options
    if (options === undefined) return undefined
    const pending = this.#pending.get(correlation) ?? { options, messages: [] }
    pending.messages.push(...request.getProposedMessagesList())
    this.#pending.set(correlation, pending)
    if (!request.getIsFinal()) return undefined
    this.#pending.delete(correlation)
    return this.#append(pending)
      .setCorrelationId(new shared.UUID().setString(correlation))
      .setStreamIdentifier(streamIdentifier(streamNameOf(options)))
  }

  #append({ options, messages }: Pending): streams.BatchAppendResp {
    const stream = streamNameOf(options)
    const events = proposedOf(messages)
    if (events === undefined || stream === '')
      return failed('BadRequest', 'BadRequest', new shared.BadRequest())
    const deadline = options.getDeadline()?.toDate() ?? new Date(Number.POSITIVE_INFINITY)
    if (deadline.getTime() < Date.now()) return failed('Timeout', 'Timeout', new shared.Timeout())
    if (sizeOf(events) > MAX_APPEND_BYTES)
      return failed(
        'Maximum Append Size exceeded.',
        'MaximumAppendSizeExceeded',
        new shared.MaximumAppendSizeExceeded().setMaxappendsize(MAX_APPEND_BYTES),
      )
    const expectation = options.hasStreamPosition()
      ? BigInt(options.getStreamPosition())
      : namedExpectation(options)
    return batchResponse(this.#log.append(stream, events, expectation), expectation, stream)
  }
}

function batchResponse(
  outcome: AppendOutcome,
  expectation: Expectation,
  stream: string,
): streams.BatchAppendResp {
  if (outcome.kind === 'stream-deleted') {
    const deleted = new shared.StreamDeleted().setStreamIdentifier(streamIdentifier(stream))
    return failed('StreamDeleted', 'StreamDeleted', deleted)
  }
  if (outcome.kind === 'wrong-expected-version') {
    const refused = new shared.WrongExpectedVersion()
    if (outcome.actual === 'no_stream') refused.setCurrentNoStream(new empty.Empty())
    else refused.setCurrentStreamRevision(String(outcome.actual))
    if (expectation === 'any') refused.setExpectedAny(new empty.Empty())
    else if (expectation === 'no_stream') refused.setExpectedNoStream(new empty.Empty())
    else if (expectation === 'stream_exists') refused.setExpectedStreamExists(new empty.Empty())
    else refused.setExpectedStreamPosition(String(expectation))
    return failed('WrongExpectedVersion', 'WrongExpectedVersion', refused)
  }
  const success = new streams.BatchAppendResp.Success().setCurrentRevision(String(outcome.revision))
  if (outcome.position === undefined) success.setNoPosition(new empty.Empty())
  else
    success.setPosition(
      new shared.AllStreamPosition()
        .setCommitPosition(String(outcome.position))
        .setPreparePosition(String(outcome.position)),
    )
  return new streams.BatchAppendResp().setSuccess(success)
}

function failed(
  message: string,
  type: string,
  details: { serializeBinary(): Uint8Array },
): streams.BatchAppendResp {
  const packed = new any.Any()
  packed.pack(details.serializeBinary(), `event_store.client.${type}`)
  return new streams.BatchAppendResp().setError(
    new statusMessages.Status()
      .setCode(status.UNKNOWN as number)
      .setMessage(message)
      .setDetails(packed),
  )
}

function namedExpectation(options: {
  hasNoStream(): boolean
  hasStreamExists(): boolean
}): Expectation {
  if (options.hasNoStream()) return 'no_stream'
  return options.hasStreamExists() ? 'stream_exists' : 'any'
}

/** Undefined when one of them has an id that the server refuses. */
function proposedOf(
  messages: readonly (
    | streams.AppendReq.ProposedMessage
    | streams.BatchAppendReq.ProposedMessage
    | undefined
  )[],
): readonly ProposedEvent[] | undefined {
  const events = messages.map((each) => each && proposedEvent(each))
  return events.every((each) => each !== undefined) ? events : undefined
}
