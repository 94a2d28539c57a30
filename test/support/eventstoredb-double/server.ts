import featuresService from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js'
import features from '@eventstore/db-client/generated/serverfeatures_pb.js'
import type { Empty } from '@eventstore/db-client/generated/shared_pb.js'
import streamsService, {
  type IStreamsServer,
} from '@eventstore/db-client/generated/streams_grpc_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { appendPlain, BatchAppends } from './appends.ts'
import { type Expectation, Log } from './log.ts'
import { isWireError, readAll, readStream } from './reads.ts'
import { Sender } from './sender.ts'
import { subscribe, TOO_SLOW } from './subscriptions.ts'
import { deleteRefused, streamNameOf, type WireError, wireError } from './wire.ts'
import { WireProxy } from './wire-proxy.ts'

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
const NOT_READY = wireError(status.UNAVAILABLE, 'Server Is Not Ready')

/** Revisions that stand for a named expectation in an error's trailers. */
const EXPECTED_ON_THE_WIRE = { any: -2n, no_stream: -1n, stream_exists: -4n } as const

/**
 * The server's side of the wire that the adapter depends on, on the client's own service
 * definitions, with the log in memory: what `eventstoredb-behaviour.md` says the vendor's
 * server does, and the faults that a network and a killed process make.
 */
export class EventStoreDbDouble implements AsyncDisposable {
  readonly log = new Log()
  readonly #server = new Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES })
  readonly #subscribers = new Set<Sender>()
  #proxy = new WireProxy(0)
  #answersToLose = 0
  #isReady = true
  #isHanging = false
  /** Append calls received, repetitions included. */
  appendCalls = 0

  static async start(): Promise<EventStoreDbDouble> {
    const double = new EventStoreDbDouble()
    await double.#start()
    return double
  }

  get connectionString(): string {
    return `esdb://127.0.0.1:${this.#proxy.port}?tls=false`
  }

  /** The next appends are written, then their connection breaks instead of an answer. */
  loseAnswers(count: number): void {
    this.#answersToLose = count
  }

  /** While false every call is answered with "Server Is Not Ready". */
  setReady(isReady: boolean): void {
    this.#isReady = isReady
  }

  /** While true the server takes calls, does nothing and answers nothing; the connection lives. */
  setHanging(isHanging: boolean): void {
    this.#isHanging = isHanging
  }

  /** The process stands still: connections stay, nothing moves. */
  freeze(): void {
    this.#proxy.freeze()
  }

  thaw(): void {
    this.#proxy.thaw()
  }

  dropConnections(): void {
    this.#proxy.cut()
  }

  /** As the server does to a live subscriber that does not keep up. */
  dropSubscribersAsTooSlow(): void {
    for (const subscriber of this.#subscribers) subscriber.fail(TOO_SLOW)
  }

  /** Their connections live, but nothing arrives any more. */
  muteSubscribers(): void {
    for (const subscriber of this.#subscribers) subscriber.mute()
  }

  get subscribers(): number {
    return this.#subscribers.size
  }

  /** kill -9: connections are reset, nobody listens, what was only in memory is gone. */
  async kill(): Promise<void> {
    await this.#proxy.close()
    this.log.forgetIds()
  }

  async revive(): Promise<void> {
    await this.#proxy.listen()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy.close()
    this.#server.forceShutdown()
  }

  async #start(): Promise<void> {
    this.#server.addService(streamsService.StreamsService, this.#streams())
    this.#server.addService(featuresService.ServerFeaturesService, {
      getSupportedMethods: (
        _call: ServerUnaryCall<Empty, features.SupportedMethods>,
        answer: sendUnaryData<features.SupportedMethods>,
      ) => (this.#isReady ? answer(null, supportedMethods()) : answer(NOT_READY)),
    })
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
    this.#proxy = new WireProxy(port)
    await this.#proxy.listen()
  }

  #streams(): IStreamsServer {
    return {
      read: (call) => this.#read(call),
      append: (call, answer) => this.#append(call, answer),
      batchAppend: (call) => this.#batchAppend(call),
      delete: ({ request }, answer) => {
        const outcome = this.#delete(request, (...args) => this.log.delete(...args))
        if (typeof outcome !== 'bigint') return answer(outcome)
        const position = new streams.DeleteResp.Position()
          .setCommitPosition(String(outcome))
          .setPreparePosition(String(outcome))
        answer(null, new streams.DeleteResp().setPosition(position))
      },
      tombstone: ({ request }, answer) => {
        const outcome = this.#delete(request, (...args) => this.log.tombstone(...args))
        if (typeof outcome !== 'bigint') return answer(outcome)
        const position = new streams.TombstoneResp.Position()
          .setCommitPosition(String(outcome))
          .setPreparePosition(String(outcome))
        answer(null, new streams.TombstoneResp().setPosition(position))
      },
    }
  }

  #delete(
    request: streams.DeleteReq | streams.TombstoneReq,
    remove: Log['delete'],
  ): bigint | WireError {
    if (!this.#isReady) return NOT_READY
    const options = request.getOptions()
    const stream = streamNameOf(options)
    const expectation: Expectation = options?.hasRevision()
      ? BigInt(options.getRevision())
      : options?.hasNoStream()
        ? 'no_stream'
        : options?.hasStreamExists()
          ? 'stream_exists'
          : 'any'
    const outcome = remove.call(this.log, stream, expectation)
    if (outcome.kind === 'deleted') return outcome.position
    const expected =
      typeof expectation === 'bigint' ? expectation : EXPECTED_ON_THE_WIRE[expectation]
    return deleteRefused(stream, expected, outcome)
  }

  #append(
    call: ServerReadableStream<streams.AppendReq, streams.AppendResp>,
    answer: sendUnaryData<streams.AppendResp>,
  ): void {
    const messages: streams.AppendReq[] = []
    call.on('data', (message: streams.AppendReq) => messages.push(message))
    call.on('end', () => {
      this.appendCalls += 1
      if (this.#isHanging) return
      if (!this.#isReady) return answer(NOT_READY)
      const outcome = appendPlain(this.log, messages)
      if (this.#losesAnswer()) return
      if (isWireError(outcome)) answer(outcome)
      else answer(null, outcome)
    })
  }

  #batchAppend(call: ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>): void {
    if (!this.#isReady) {
      call.emit('error', NOT_READY)
      return
    }
    const appends = new BatchAppends(this.log)
    call.on('data', (message: streams.BatchAppendReq) => {
      if (this.#isHanging) return
      const answer = appends.receive(message)
      if (answer === undefined) return
      this.appendCalls += 1
      if (!this.#losesAnswer()) call.write(answer)
    })
    call.on('end', () => call.end())
  }

  #losesAnswer(): boolean {
    if (this.#answersToLose === 0) return false
    this.#answersToLose -= 1
    this.#proxy.cut()
    return true
  }

  #read(call: ServerWritableStream<streams.ReadReq, streams.ReadResp>): void {
    const sender = new Sender(call)
    if (this.#isHanging) return
    if (!this.#isReady) {
      sender.fail(NOT_READY)
      return
    }
    const options = call.request.getOptions() ?? new streams.ReadReq.Options()
    const done = options.hasSubscription()
      ? this.#subscribe(options, sender)
      : this.#answer(options, sender)
    done.catch((error: unknown) => sender.fail(wireError(status.UNKNOWN, String(error))))
  }

  async #subscribe(options: streams.ReadReq.Options, sender: Sender): Promise<void> {
    this.#subscribers.add(sender)
    try {
      await subscribe(this.log, options, sender)
    } finally {
      this.#subscribers.delete(sender)
    }
  }

  async #answer(options: streams.ReadReq.Options, sender: Sender): Promise<void> {
    const reading = options.hasStream() ? readStream(this.log, options) : readAll(this.log, options)
    if (reading === 'never') return
    if (isWireError(reading)) return sender.fail(reading)
    for (const response of reading) await sender.send(response)
    sender.end()
  }
}

function supportedMethods(): features.SupportedMethods {
  const method = (name: string, ...list: string[]) =>
    new features.SupportedMethod()
      .setServiceName('event_store.client.streams.streams')
      .setMethodName(name)
      .setFeaturesList(list)
  return new features.SupportedMethods()
    .setEventStoreServerVersion('23.10.6')
    .setMethodsList([
      method('read', 'position', 'events'),
      method('append'),
      method('batchappend', 'deadline_duration'),
      method('delete'),
      method('tombstone'),
    ])
}
