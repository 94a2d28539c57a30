import type { Json } from '../../../kernel/json.ts'
import type { Code, Env, Run } from '../code.ts'
import { Raised } from '../errors.ts'
import type { Path } from '../path.ts'

/** A value, and where it is in the input of a path expression. */
type At = { readonly path: Path; readonly value: Json }

/** The two ways to evaluate, so that natives which give parts of their input are written once. */
export type Mode<Item> = {
  readonly valueOf: (item: Item) => Json
  readonly each: (code: Code, run: Run, env: Env, item: Item, emit: (output: Item) => void) => void
}

export type Flow<Item> = (run: Run, env: Env, item: Item, emit: (output: Item) => void) => void

const VALUES: Mode<Json> = {
  valueOf: (value) => value,
  each: (code, run, env, value, emit) => code.each(run, env, value, emit),
}

const PATHS: Mode<At> = {
  valueOf: ({ value }) => value,
  each: (code, run, env, { path, value }, emit) =>
    code.paths(run, env, path, value, (inner, output) => emit({ path: inner, value: output })),
}

export function flowCode(flow: <Item>(mode: Mode<Item>) => Flow<Item>): Code {
  const traced = flow(PATHS)
  return {
    one: null,
    each: flow(VALUES),
    paths: (run, env, path, value, emit) =>
      traced(run, env, { path, value }, (output) => emit(output.path, output.value)),
  }
}

/** One turn of a loop: what it gives to `again` is what the next turns begin with. */
type Turn<Item> = (
  run: Run,
  env: Env,
  item: Item,
  emit: (output: Item) => void,
  again: (next: Item) => void,
) => void

/**
 * Each output that goes round again is finished before the next one. Where `holds` is true, because
 * a turn emits before it goes round and not between, the last of them needs no stack.
 */
export function loop<Item>(holds: boolean, turn: Turn<Item>): Flow<Item> {
  const flow: Flow<Item> = (run, env, item, emit) => {
    const goRound = (next: Item): void => flow(run, env, next, emit)
    run.enter(3)
    let current: Item | undefined = item
    while (current !== undefined) {
      const here: Item = current
      run.step()
      if (holds) current = lastOf<Item>((again) => turn(run, env, here, emit, again), goRound)
      else {
        current = undefined
        turn(run, env, here, emit, goRound)
      }
    }
    run.leave(3)
  }
  return flow
}

/** Hands all outputs but the last to `use`, and gives the last one back. */
function lastOf<Item>(
  produce: (emit: (output: Item) => void) => void,
  use: (output: Item) => void,
): Item | undefined {
  let held: Item | undefined
  try {
    produce((output) => {
      const before = held
      held = undefined
      if (before !== undefined) use(before)
      held = output
    })
  } catch (fault) {
    // What came before an error comes before it here too.
    if (held !== undefined && fault instanceof Raised) use(held)
    throw fault
  }
  return held
}
