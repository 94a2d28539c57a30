/**
 * A refused command, as a value. `kind` says what sort of refusal it is (the HTTP
 * layer maps it to a status once, for every context); `code` is a member of the
 * aggregate's own closed union; `detail` is one sentence for a person.
 */
export type Rejection<Code extends string = string> = {
  readonly kind: 'invalid' | 'forbidden' | 'not-found' | 'conflict' | 'exhausted'
  readonly code: Code
  readonly detail: string
}

export type Decision<Event, Code extends string> =
  | { readonly outcome: 'accepted'; readonly events: readonly Event[] }
  | { readonly outcome: 'rejected'; readonly rejection: Rejection<Code> }

/**
 * The pure core of an aggregate (Chassaing's decider).
 *
 * `decide` never throws and reads no clock: time and new ids arrive in the command.
 * A command that is already satisfied is accepted with no events, so a retry is safe.
 */
export type Decider<State, Command, Event, Code extends string> = {
  readonly initial: State
  readonly decide: (state: State, command: Command) => Decision<Event, Code>
  readonly evolve: (state: State, event: Event) => State
}

export function accept<Event>(...events: readonly Event[]): Decision<Event, never> {
  return { outcome: 'accepted', events }
}

export function reject<Code extends string>(
  kind: Rejection['kind'],
  code: Code,
  detail: string,
): Decision<never, Code> {
  return { outcome: 'rejected', rejection: { kind, code, detail } }
}
