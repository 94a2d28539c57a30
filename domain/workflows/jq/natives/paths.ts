import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../../kernel/json.ts'
import { iterate } from '../access.ts'
import { Change, readPath } from '../change.ts'
import {
  type Code,
  type Emit,
  type Env,
  passingCode,
  type Run,
  stoppable,
  streamCode,
  valueCode,
} from '../code.ts'
import { DESCEND } from '../compile-path.ts'
import { firstOf, modify, pathsOf } from '../compile-update.ts'
import { below, invalidResult, isAt, keysOf, type Path, rootOf } from '../path.ts'
import { describe, fail, isTrue, member, setMember, typeOf } from '../values.ts'
import { type Natives, passing1, value0, value2, with1, with2 } from './define.ts'

export const PATHS: Natives = {
  'map/1': with1(map),
  'map_values/1': with1(mapValues),
  'path/1': with1((of) =>
    streamCode((run, env, input, emit) =>
      of.paths(run, env, rootOf(input), input, (path, value) =>
        emit(isAt(path, value) ? keysOf(run, path) : invalidResult(value)),
      ),
    ),
  ),
  'paths/0': () => pathsTo(null),
  'paths/1': with1(pathsTo),
  'del/1': with1((target) =>
    passingCode((run, env, input) => without(run, input, pathsOf(run, env, input, target))),
  ),
  '_modify/2': with2((target, update) =>
    valueCode((run, env, input) => modify(run, env, input, target, update)),
  ),
  'getpath/1': with1(getPath),
  'setpath/2': value2((run, input, path, value) => {
    const change = new Change(run, input)
    change.write(listOf(path), value)
    return change.value
  }),
  'delpaths/1': passing1((run, input, paths) =>
    without(
      run,
      input,
      isJsonArray(paths)
        ? paths.map((path) =>
            isJsonArray(path) ? path : fail(`Path must be specified as array, not ${typeOf(path)}`),
          )
        : fail('Paths must be specified as an array'),
    ),
  ),
  'to_entries/0': value0(toEntries),
  'from_entries/0': value0(fromEntries),
  'with_entries/1': with1((update) => {
    const mapped = map(update)
    return valueCode((run, env, input) =>
      fromEntries(run, mapped.one?.(run, env, toEntries(run, input)) ?? null),
    )
  }),
  'walk/1': with1(walk),
}

function listOf(path: Json): readonly Json[] {
  return isJsonArray(path) ? path : fail('Path must be specified as an array')
}

function without(run: Run, input: Json, paths: readonly (readonly Json[])[]): Json {
  const change = new Change(run, input)
  change.delete(paths)
  return change.value
}

function getPath(of: Code): Code {
  return {
    one:
      of.one &&
      valueCode((run, env, input) =>
        readPath(run, input, listOf(of.one?.(run, env, input) ?? null)),
      ).one,
    each: (run, env, input, emit) =>
      of.each(run, env, input, (path) => emit(readPath(run, input, listOf(path)))),
    paths: (run, env, at, input, emit) =>
      of.each(run, env, input, (path) => {
        const keys = listOf(path)
        const found = readPath(run, input, keys)
        if (!isAt(at, input)) return invalidResult(input)
        emit(
          keys.reduce<Path>((up, key) => below(run, up, key, found), at),
          found,
        )
      }),
  }
}

/** The paths to all parts of the input, or to those for which `wanted` is true. */
function pathsTo(wanted: Code | null): Code {
  return streamCode((run, env, input, emit) =>
    DESCEND.paths(run, env, rootOf(input), input, (path, value) => {
      const isInner = path.length > 0
      if (wanted === null) {
        if (isInner) emit(keysOf(run, path))
        return
      }
      wanted.each(run, env, value, (isWanted) => {
        if (isInner && isTrue(isWanted)) emit(keysOf(run, path))
      })
    }),
  )
}

function map(update: Code): Code {
  const { one } = update
  return valueCode((run, env, input) => {
    const list: Json[] = []
    run.bytes(16)
    iterate(run, input, (value) => {
      run.bytes(8)
      if (one !== null) list.push(one(run, env, value))
      else
        update.each(run, env, value, (output) => {
          run.bytes(8)
          list.push(output)
        })
    })
    return list
  })
}

function mapValues(update: Code): Code {
  const first = firstOf(update)
  return valueCode((run, env, input) => {
    run.bytes(16)
    if (isJsonObject(input)) {
      const object: { [key: string]: Json } = {}
      iterate(run, input, (value, key) => {
        const output = first(run, env, value)
        run.bytes(16)
        if (output !== undefined) setMember(object, String(key), output)
      })
      return object
    }
    const list: Json[] = []
    iterate(run, input, (value) => {
      const output = first(run, env, value)
      run.bytes(8)
      if (output !== undefined) list.push(output)
    })
    return list
  })
}

function toEntries(run: Run, input: Json): Json {
  if (!isJsonObject(input) && !isJsonArray(input)) return fail(`${describe(input)} has no keys`)
  const entries: Json[] = []
  iterate(run, input, (value, key) => {
    run.bytes(64)
    entries.push({ key, value })
  })
  return entries
}

function fromEntries(run: Run, input: Json): Json {
  const object: { [key: string]: Json } = {}
  iterate(run, input, (each) => {
    const entry = each ?? {}
    if (!isJsonObject(entry)) return fail(`Cannot index ${typeOf(entry)} with string ("key")`)
    const key = firstMember(entry, ['key', 'k', 'name', 'Name', 'Key', 'K'], true)
    const value = firstMember(entry, ['value', 'v', 'Value', 'V'], false)
    run.bytes(24)
    setMember(object, entryKey(key), value)
  })
  return object
}

/** The first that is there and, where `isTruthy`, neither null nor false. */
function firstMember(entry: JsonObject, names: readonly string[], isTruthy: boolean): Json {
  for (const name of names) {
    const value = member(entry, name)
    if (isTruthy ? isTrue(value) : Object.hasOwn(entry, name)) return value
  }
  return null
}

function entryKey(key: Json): string {
  if (typeof key === 'string') return key
  return fail(`Cannot use ${describe(key)} as object key`)
}

/** The parts first, then what is made of them. A part of a list may become several, a member of an object one. */
function walk(update: Code): Code {
  const { one } = update
  const each = (run: Run, env: Env, value: Json, emit: Emit): void => {
    run.enter(3)
    update.each(run, env, withParts(run, value, each.bind(null, run, env)), emit)
    run.leave(3)
  }
  const whole = (run: Run, env: Env, value: Json): Json => {
    run.enter(2)
    const parts = withParts(run, value, (part, emit) => emit(whole(run, env, part)), true)
    run.leave(2)
    return one === null ? null : one(run, env, parts)
  }
  return {
    one: one && whole,
    each,
    paths: (run, env, path, input, emit) =>
      update.paths(run, env, path, withParts(run, input, each.bind(null, run, env)), emit),
  }
}

/** @param hasOne whether `inner` gives exactly one output, so that nothing follows the first. */
function withParts(
  run: Run,
  value: Json,
  inner: (part: Json, emit: Emit) => void,
  hasOne = false,
): Json {
  if (typeof value !== 'object' || value === null) return value
  run.bytes(16)
  const list: Json[] = []
  const object: { [key: string]: Json } = {}
  const isList = isJsonArray(value)
  iterate(run, value, (part, key) => {
    const keep = (output: Json): void => {
      run.bytes(16)
      if (isList) list.push(output)
      else setMember(object, String(key), output)
    }
    if (isList || hasOne) inner(part, keep)
    else
      stoppable(run, (stop) =>
        inner(part, (output) => {
          keep(output)
          throw stop
        }),
      )
  })
  return isList ? list : object
}
