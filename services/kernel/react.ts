import type { Decider } from '../../domain/kernel/decider.ts'
import type { EventStore } from '../ports/event-store.ts'
import { type CommandContext, execute, load } from './execute.ts'

type DomainEvent = { readonly type: string; readonly data: Readonly<Record<string, unknown>> }

/**
 * One turn of a process manager: fold the stream, ask the domain what is owed next,
 * do that one effect, record its outcome as a command.
 *
 * A redelivery after the outcome is recorded does nothing: what is owed is derived from
 * the stream. A crash between the effect and its record repeats the effect, so `perform`
 * must be idempotent. An effect that throws records nothing and its delivery comes again.
 *
 * @returns true when something was done, false when nothing was owed.
 */
export async function react<State, Command, Event extends DomainEvent, Code extends string, Action>(
  store: EventStore,
  decider: Decider<State, Command, Event, Code>,
  nextAction: (state: State) => Action | undefined,
  perform: (action: Action) => Promise<Command>,
  stream: string,
  context: CommandContext,
): Promise<boolean> {
  const { state } = await load(store, decider, stream)
  const action = nextAction(state)
  if (action === undefined) return false
  await execute(store, decider, stream, await perform(action), context)
  return true
}
