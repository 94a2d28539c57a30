import { setTimeout as delay } from 'node:timers/promises'
import { v7 as newUuid, v5 as uuidOf } from 'uuid'
import type { Decider } from '../../domain/kernel/decider.ts'
import {
  type AppendContext,
  type Appended,
  EventIdConflictError,
  type EventStore,
  type NewEvent,
  type Position,
  type RecordedEvent,
  RevisionConflictError,
  type StreamRevision,
} from '../ports/event-store.ts'
import { type CommandHandled, tellCommandHandled } from './command-channel.ts'
import { ProblemError, problemOf } from './problem.ts'
import { refuseUnreadable } from './readable.ts'

const MAX_ATTEMPTS = 8
/** Before attempt n+1 at most n times this, at random: commands that met once do not meet again. */
const JITTER_MS = 5

/** Namespace of the event ids that are derived from a stream and a command's id (RFC 9562, version 5). */
const COMMAND_NAMESPACE = '6f1c7a52-6d0b-4a5c-9c0e-0f6a0c5d3b1e'

export type CommandContext = AppendContext & {
  /** Same id on the same stream = same command: carried out once, however often it is sent. */
  readonly commandId?: string
}

type DomainEvent = { readonly type: string; readonly data: Readonly<Record<string, unknown>> }

export type Executed<State> = {
  /** The stream after the command. */
  readonly revision: StreamRevision
  /** Of the stream's last event; 0n when the stream has none. A read `atLeast` it sees the command's effect. */
  readonly position: Position
  /** The aggregate after the command. */
  readonly state: State
}

/**
 * Load, decide, append: the one command handler every aggregate shares.
 *
 * Re-reads and re-decides when another writer got in first, `MAX_ATTEMPTS` times in all.
 *
 * @throws {ProblemError} when the decider rejects the command.
 * @throws {RevisionConflictError} when every attempt lost the race.
 */
export async function execute<State, Command, Event extends DomainEvent, Code extends string>(
  store: EventStore,
  decider: Decider<State, Command, Event, Code>,
  stream: string,
  command: Command,
  context: CommandContext,
): Promise<Executed<State>> {
  const startedAt = performance.now()
  const tell = (outcome: CommandHandled['outcome']) => {
    const seconds = (performance.now() - startedAt) / 1_000
    tellCommandHandled({ command: nameOf(command), outcome, seconds })
  }
  try {
    const executed = await carryOut(store, decider, stream, command, context)
    tell('accepted')
    return executed
  } catch (error) {
    tell(error instanceof ProblemError ? 'rejected' : 'failed')
    throw error
  }
}

async function carryOut<State, Command, Event extends DomainEvent, Code extends string>(
  store: EventStore,
  decider: Decider<State, Command, Event, Code>,
  stream: string,
  command: Command,
  context: CommandContext,
): Promise<Executed<State>> {
  for (let attempt = 1; ; attempt++) {
    const history = await load(store, decider, stream)
    const { state, revision, position } = history
    const before = appendedBy(context.commandId, stream, history)
    if (before !== undefined) return { ...before, state }
    const decision = decider.decide(state, command)
    if (decision.outcome === 'rejected') throw problemOf(decision.rejection)
    if (decision.events.length === 0) return { state, revision, position }
    const events = decision.events.map(
      ({ type, data }, index): NewEvent => ({
        id: eventId(stream, context.commandId, index),
        type,
        data,
      }),
    )
    try {
      const appended = await store.append(stream, events, revision, context)
      return { ...appended, state: decision.events.reduce(decider.evolve, state) }
    } catch (error) {
      if (!isOvertaken(error, context) || attempt === MAX_ATTEMPTS) throw error
      await delay(Math.random() * attempt * JITTER_MS)
    }
  }
}

function nameOf(command: unknown): string {
  const { type } = command as { readonly type?: unknown }
  return typeof type === 'string' ? type : 'unnamed'
}

/** Somebody else appended first, perhaps this very command with another decision. */
function isOvertaken(error: unknown, { commandId }: CommandContext): boolean {
  return (
    error instanceof RevisionConflictError ||
    (commandId !== undefined && error instanceof EventIdConflictError)
  )
}

export type History<State> = Executed<State> & {
  /** Where each event of the stream is, by its id. */
  readonly places: ReadonlyMap<string, Appended>
}

/** @returns where the last event of a command that was carried out before is, whatever came after it. */
export function appendedBy(
  commandId: string | undefined,
  stream: string,
  { places }: Pick<History<unknown>, 'places'>,
): Appended | undefined {
  if (commandId === undefined) return undefined
  let last: Appended | undefined
  for (let index = 0; ; index++) {
    const place = places.get(eventId(stream, commandId, index))
    if (place === undefined) return last
    last = place
  }
}

/**
 * The aggregate as its stream tells it.
 *
 * @throws when an event of the stream cannot be read.
 */
export async function load<State, Command, Event extends DomainEvent, Code extends string>(
  store: EventStore,
  decider: Decider<State, Command, Event, Code>,
  stream: string,
): Promise<History<State>> {
  let state = decider.initial
  let last: RecordedEvent | undefined
  const places = new Map<string, Appended>()
  for await (const event of store.readStream(stream)) {
    refuseUnreadable(event)
    // The store checked the data against this type's schema when it was appended.
    state = decider.evolve(state, { type: event.type, data: event.data } as Event)
    places.set(event.eventId, { revision: event.revision, position: event.position })
    last = event
  }
  return { state, places, revision: last?.revision ?? 'no-stream', position: last?.position ?? 0n }
}

/** Version 7 where nothing is derived: neighbours in time are neighbours in the store's index of ids. */
function eventId(stream: string, commandId: string | undefined, index: number): string {
  if (commandId === undefined) return newUuid()
  return uuidOf(`${stream}\n${commandId}/${index}`, COMMAND_NAMESPACE)
}
