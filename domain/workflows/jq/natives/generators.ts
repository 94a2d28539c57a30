import type { Json } from '../../../kernel/json.ts'
import { type Code, type Emit, type Run, stoppable, valueCode } from '../code.ts'
import { DESCEND } from '../compile-path.ts'
import { firstOf } from '../compile-update.ts'
import { add, subtract } from '../operators.ts'
import { compare, fail, isTrue } from '../values.ts'
import { EMPTY, eachValue, type Natives, with1, with2 } from './define.ts'
import { type Flow, flowCode, loop, type Mode } from './flow.ts'

export const GENERATORS: Natives = {
  'empty/0': () => EMPTY,
  'range/1': (args) =>
    eachValue(args, (run, _input, [end = null], emit) => range(run, 0, end, emit)),
  'range/2': (args) =>
    eachValue(args, (run, _input, [from = null, end = null], emit) => range(run, from, end, emit)),
  'range/3': (args) =>
    eachValue(args, (run, _input, [from = null, end = null, by = null], emit) =>
      rangeBy(run, from, end, by, emit),
    ),
  'first/1': with1((of) => flowCode((mode) => limit(mode, of, 1))),
  'last/1': with1((of) => flowCode((mode) => last(mode, of))),
  'limit/2': with2((count, of) => counted(['limit', 'count'], count, of, limit)),
  'skip/2': with2((count, of) => counted(['skip', 'count'], count, of, skip)),
  'nth/2': with2((count, of) => counted(['nth', 'indices'], count, of, nth)),
  'isempty/1': with1(isEmpty),
  'select/1': with1(select),
  'until/2': with2(until),
  'while/2': with2(whileTrue),
  'repeat/1': with1(recurse),
  'recurse/0': () => DESCEND,
  'recurse/1': with1(recurse),
  'recurse/2': with2((update, condition) => recurse(piped(update, select(condition)))),
}

function range(run: Run, from: Json, end: Json, emit: Emit): void {
  if (typeof from !== 'number' || typeof end !== 'number') fail('Range bounds must be numeric')
  for (let at = from; at < end; at++) {
    run.step()
    emit(at)
  }
}

/** Of any values that can be compared and added. */
function rangeBy(run: Run, from: Json, end: Json, by: Json, emit: Emit): void {
  const direction = compare(run, by, 0)
  if (direction === 0) return
  for (let at = from; compare(run, end, at) * direction > 0; at = add(run, at, by)) {
    run.step()
    emit(at)
  }
}

function limit<Item>(mode: Mode<Item>, of: Code, count: number): Flow<Item> {
  return (run, env, item, emit) => {
    let left = count
    if (left <= 0) return
    let last: Item | undefined
    stoppable(run, (stop) =>
      mode.each(of, run, env, item, (output) => {
        left--
        if (left <= 0) {
          last = output
          throw stop
        }
        emit(output)
      }),
    )
    // Outside of what was stopped, so that it is over when the rest of the program goes on.
    if (last !== undefined) emit(last)
  }
}

function skip<Item>(mode: Mode<Item>, of: Code, count: number): Flow<Item> {
  return (run, env, item, emit) => {
    let left = count
    mode.each(of, run, env, item, (output) => {
      if (left >= 1) left--
      else emit(output)
    })
  }
}

function nth<Item>(mode: Mode<Item>, of: Code, count: number): Flow<Item> {
  return (run, env, item, emit) => {
    let left = count
    let found: Item | undefined
    stoppable(run, (stop) =>
      mode.each(of, run, env, item, (output) => {
        if (left-- >= 1) return
        found = output
        throw stop
      }),
    )
    if (found !== undefined) emit(found)
  }
}

function last<Item>(mode: Mode<Item>, of: Code): Flow<Item> {
  return (run, env, item, emit) => {
    let found: Item | undefined
    mode.each(of, run, env, item, (output) => {
      run.step()
      found = output
    })
    if (found !== undefined) emit(found)
  }
}

function counted(
  [name, what]: readonly [string, string],
  count: Code,
  of: Code,
  flow: <Item>(mode: Mode<Item>, of: Code, count: number) => Flow<Item>,
): Code {
  return flowCode(
    (mode) => (run, env, item, emit) =>
      count.each(run, env, mode.valueOf(item), (value) => {
        if (compare(run, value, 0) < 0) fail(`${name} doesn't support negative ${what}`)
        if (typeof value === 'number') flow(mode, of, value)(run, env, item, emit)
        else mode.each(of, run, env, item, () => subtract(run, value, 1))
      }),
  )
}

function isEmpty(of: Code): Code {
  const first = firstOf(of)
  return valueCode((run, env, input) => first(run, env, input) === undefined)
}

function select(condition: Code): Code {
  const { one } = condition
  if (one !== null)
    return {
      one: null,
      each: (run, env, input, emit) => {
        if (isTrue(one(run, env, input))) emit(input)
      },
      paths: (run, env, path, input, emit) => {
        if (isTrue(one(run, env, input))) emit(path, input)
      },
    }
  return flowCode(
    (mode) => (run, env, item, emit) =>
      condition.each(run, env, mode.valueOf(item), (value) => {
        if (isTrue(value)) emit(item)
      }),
  )
}

function until(condition: Code, update: Code): Code {
  const holds = condition.one !== null
  return flowCode((mode) =>
    loop(holds, (run, env, item, emit, again) =>
      condition.each(run, env, mode.valueOf(item), (isDone) => {
        if (isTrue(isDone)) emit(item)
        else mode.each(update, run, env, item, again)
      }),
    ),
  )
}

function whileTrue(condition: Code, update: Code): Code {
  const holds = condition.one !== null
  return flowCode((mode) =>
    loop(holds, (run, env, item, emit, again) =>
      condition.each(run, env, mode.valueOf(item), (goesOn) => {
        if (!isTrue(goesOn)) return
        emit(item)
        mode.each(update, run, env, item, again)
      }),
    ),
  )
}

/** Its input, then the same for each output of `update`. */
function recurse(update: Code): Code {
  return flowCode((mode) =>
    loop(true, (run, env, item, emit, again) => {
      emit(item)
      mode.each(update, run, env, item, again)
    }),
  )
}

function piped(left: Code, right: Code): Code {
  return flowCode(
    (mode) => (run, env, item, emit) =>
      mode.each(left, run, env, item, (output) => mode.each(right, run, env, output, emit)),
  )
}
