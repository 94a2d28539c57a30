import { v7 as newUuid } from 'uuid'
import type { RunCommand } from '../../domain/workflows/run/commands.ts'
import { run, runStream } from '../../domain/workflows/run/run.ts'
import { isRun, type Run, type RunState } from '../../domain/workflows/run/state.ts'
import type { RunEvent } from '../../domain/workflows/run-events.ts'
import type { Cause } from '../kernel/cause.ts'
import { problemOf } from '../kernel/problem.ts'
import { refuseUnreadable } from '../kernel/readable.ts'
import {
  type EventStore,
  type RecordedEvent,
  RevisionConflictError,
  type StreamRevision,
} from '../ports/event-store.ts'
import { UndecidedError } from './lasting.ts'

/** Which run, of which tenant. */
export type RunRef = { readonly tenantId: string; readonly runId: string }

/** Appends that lost a race against another writer of the run before it is given up. */
const MAX_CONFLICTS = 8
const ACTOR = 'system:workflows'

/**
 * A run that is being driven: its state is in memory and follows the stream, which is read once and
 * then only for what others appended.
 */
export class RunSession {
  readonly ref: RunRef
  readonly #events: EventStore
  readonly #stream: string
  #state: RunState = run.initial
  #revision: StreamRevision = 'no-stream'
  #correlationId = ''
  #lastEventId = ''
  /** Of the steps: what they began with. */
  readonly #startedBy = new Map<number, string>()

  private constructor(events: EventStore, ref: RunRef) {
    this.ref = ref
    this.#events = events
    this.#stream = runStream(ref.tenantId, ref.runId)
  }

  static async open(events: EventStore, ref: RunRef): Promise<RunSession> {
    const session = new RunSession(events, ref)
    await session.catchUp()
    return session
  }

  get state(): RunState {
    return this.#state
  }

  /** @throws {Error} when the stream is empty. */
  get run(): Run {
    if (!isRun(this.#state)) throw new Error(`There is no run ${this.ref.runId}.`)
    return this.#state
  }

  /** For what is done because of the step. */
  causeOf(step: number): Cause {
    const causationId = this.#startedBy.get(step) ?? this.#lastEventId
    return { correlationId: this.#correlationId, causationId }
  }

  /** Reads what others appended. @returns whether there was something. */
  async catchUp(): Promise<boolean> {
    const before = this.#revision
    const from = before === 'no-stream' ? 0n : before + 1n
    for await (const event of this.#events.readStream(this.#stream, { from })) this.#take(event)
    return this.#revision !== before
  }

  /**
   * Decides with the state in memory and appends; when another writer was first, decides anew.
   *
   * @param causationId by default the last event of the run.
   * @returns whether something was appended.
   * @throws {ProblemError} when the decider rejects it.
   * @throws {UndecidedError}
   */
  async give(command: RunCommand, causationId?: string): Promise<boolean> {
    for (let conflicts = 0; ; conflicts++)
      try {
        return await this.giveOnce(command, causationId)
      } catch (error) {
        if (!(error instanceof RevisionConflictError) || conflicts === MAX_CONFLICTS) throw error
        await this.catchUp()
      }
  }

  /**
   * As `give`, with the state that it is now.
   *
   * @throws {RevisionConflictError} when another writer was first.
   */
  async giveOnce(command: RunCommand, causationId?: string): Promise<boolean> {
    const decision = this.#decide(command)
    if (decision.outcome === 'rejected') throw problemOf(decision.rejection)
    if (decision.events.length === 0) return false
    await this.#append(decision.events, causationId ?? this.#lastEventId)
    return true
  }

  #decide(command: RunCommand): ReturnType<typeof run.decide> {
    try {
      return run.decide(this.#state, command)
    } catch (cause) {
      throw new UndecidedError(`The run could not decide ${command.type}.`, { cause })
    }
  }

  async #append(events: readonly RunEvent[], causationId: string): Promise<void> {
    const { tenantId } = this.ref
    const named = events.map(({ type, data }) => ({ id: newUuid(), type, data }))
    const { revision } = await this.#events.append(this.#stream, named, this.#revision, {
      ...{ tenantId, actorId: ACTOR, correlationId: this.#correlationId },
      causationId,
    })
    this.#revision = revision
    for (const [index, event] of events.entries()) this.#apply(event, named[index]?.id ?? '')
  }

  #take(event: RecordedEvent): void {
    refuseUnreadable(event)
    this.#revision = event.revision
    this.#correlationId ||= event.correlationId
    this.#apply({ type: event.type, data: event.data } as RunEvent, event.eventId)
  }

  #apply(event: RunEvent, eventId: string): void {
    this.#state = run.evolve(this.#state, event)
    this.#lastEventId = eventId
    if (event.type === 'TaskStarted') this.#startedBy.set(event.data.step, eventId)
    else if ('step' in event.data && event.type !== 'EventReceived')
      this.#startedBy.delete(event.data.step)
  }
}
