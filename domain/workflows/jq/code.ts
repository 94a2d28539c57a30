import type { Json } from '../../kernel/json.ts'
import { Budget, type JqLimits } from './budget.ts'
import type { Change } from './change.ts'
import { notLeft, type Path, withMade } from './path.ts'
import type { Parameter } from './syntax.ts'

/** A call in tail position, left to whoever called the function that ends with it. */
export type TailCall = {
  readonly callee: UserFunction
  readonly env: Env
  readonly input: Json
  /** Null where exactly one output is wanted, as a value. */
  readonly emit: Emit | null
}

/** One evaluation: what is left of its budget, and where it stands. */
export class Run extends Budget {
  /** Milliseconds since 1970: what `now` is, for the whole evaluation. */
  readonly now: number
  tail: TailCall | null = null

  constructor(limits: JqLimits, now: number) {
    super(limits)
    this.now = now
  }
}

/** A function of the program. Its code is there once its body was compiled; calls inside of the body come before. */
export type UserFunction = {
  readonly parameters: readonly Parameter[]
  code: Code | null
  /** Nodes in its body. */
  weight: number
  /** While the body is compiled: its calls of itself are taken to have exactly one output. */
  readonly assumesOne: boolean
  isRecursive: boolean
}

/**
 * What is bound around a place in the program: variables, parameters and labels, the newest first. A
 * label is its link itself. Links are never changed, because an output that is being used further
 * down may still need the older ones.
 */
export type Env = {
  readonly value: Json
  readonly closure: Closure | null
  readonly up: Env | null
}

/** An argument that is not evaluated yet, with what was bound where it was written. */
export type Closure = { readonly code: Code; readonly env: Env; readonly weight: number }

export type Emit = (value: Json) => void

/** The value may be another one than that at the path. */
export type EmitAt = (path: Path, value: Json) => void

export type One = (run: Run, env: Env, input: Json) => Json
export type Each = (run: Run, env: Env, input: Json, emit: Emit) => void
export type Paths = (run: Run, env: Env, path: Path, input: Json, emit: EmitAt) => void

/**
 * A compiled piece of a program. Outputs are pushed: all that follows an output happens inside of `emit`.
 *
 * `one` is there where the piece has exactly one output or raises: it gives the value straight back.
 */
export type Code = {
  readonly one: One | null
  readonly each: Each
  readonly paths: Paths
  /** The same as `one` for an input that nobody else has: a `reduce` may change its state in place. */
  readonly inPlace?: InPlace
}

export type InPlace = (run: Run, env: Env, state: Change) => void

/** A piece with exactly one output, which it makes. */
export function valueCode(one: One): Code {
  return {
    one,
    each: (run, env, input, emit) => emit(one(run, env, input)),
    paths: (run, env, path, input, emit) => {
      const value = one(run, env, input)
      emit(withMade(path, value), value)
    },
  }
}

/** A piece with exactly one output, which may be its input as it is. */
export function passingCode(one: One): Code {
  return {
    ...valueCode(one),
    paths: (run, env, path, input, emit) => emit(notLeft(path), one(run, env, input)),
  }
}

/** A piece with any number of outputs, which it makes. */
export function streamCode(each: Each): Code {
  return {
    one: null,
    each,
    paths: (run, env, path, input, emit) =>
      each(run, env, input, (value) => emit(withMade(path, value), value)),
  }
}

/** The same, of outputs that may be the input as it is. */
export function passingStreamCode(each: Each): Code {
  return {
    one: null,
    each,
    paths: (run, env, path, input, emit) =>
      each(run, env, input, (value) => emit(notLeft(path), value)),
  }
}

/** Ends the evaluation of what stands inside of `target`: a label's link, or a native's own mark. */
export class Break {
  readonly target: object

  constructor(target: object) {
    this.target = target
  }
}

/**
 * Runs `body`, which may stop everything inside of it by throwing what it is given.
 */
export function stoppable(run: Run, body: (stop: Break) => void): void {
  const { depth } = run
  const stop = new Break({})
  try {
    body(stop)
  } catch (fault) {
    if (fault !== stop) throw fault
    run.depth = depth
  }
}
