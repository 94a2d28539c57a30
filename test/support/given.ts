import type { Decider, Decision } from '../../domain/kernel/decider.ts'

/** `given(decider)(...history).when(command)` is the decision an aggregate with that history makes. */
export function given<S, C, E, Code extends string>(decider: Decider<S, C, E, Code>) {
  return (...history: readonly E[]) => ({
    when: (command: C): Decision<E, Code> =>
      decider.decide(history.reduce(decider.evolve, decider.initial), command),
  })
}
