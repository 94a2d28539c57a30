import type { ASTNode, SourceRange } from '@marcbachmann/cel-js'
import { type CelType, DYN, decoderOf } from './cel-type.ts'
import { type Closure, EvaluationFault, type Run } from './run.ts'

/** A chain of fields from a root, all named in the text: `event.data.packages[0].name`. */
export type Path = {
  readonly root: string
  readonly keys: readonly (string | number)[]
  readonly type: CelType
  readonly text: string
  readonly at: SourceRange
}

type Names = {
  readonly text: string
  readonly roots: ReadonlyMap<string, CelType>
  readonly locals: ReadonlyMap<string, number>
}

/** @returns undefined when the node is anything else than such a chain; a string when it names no field of its root. */
export function pathOf(node: ASTNode, names: Names): Path | string | undefined {
  const at = node.range
  if (node.op === 'id') {
    const type = names.locals.has(node.args) ? undefined : names.roots.get(node.args)
    return type && { root: node.args, keys: [], type, text: node.args, at }
  }
  if (node.op !== '.' && node.op !== '[]') return undefined
  const key = keyOf(node)
  if (key === undefined) return undefined
  const parent = pathOf(node.args[0], names)
  if (parent === undefined || typeof parent === 'string') return parent
  const type = fieldType(parent.type, key)
  if (type === undefined) return `No such key: ${key}`
  const text = names.text.slice(node.start, node.end)
  return { root: parent.root, keys: [...parent.keys, key], type, text, at }
}

function keyOf(node: ASTNode & { readonly op: '.' | '[]' }): string | number | undefined {
  if (node.op === '.') return node.args[1]
  const index = node.args[1]
  if (index.op !== 'value') return undefined
  if (typeof index.args === 'string') return index.args
  return typeof index.args === 'bigint' && index.args >= 0n && index.args < 1_000_000n
    ? Number(index.args)
    : undefined
}

function fieldType(type: CelType, key: string | number): CelType | undefined {
  switch (type.kind) {
    case 'object':
      return typeof key === 'string' ? type.fields.get(key) : undefined
    case 'map':
      return typeof key === 'string' ? type.of : undefined
    case 'list':
      return typeof key === 'number' ? type.of : undefined
    case 'dyn':
      return DYN
    case 'string':
    case 'int':
    case 'double':
    case 'bool':
    case 'timestamp':
      return undefined
  }
}

/** Reads a path, and notes it down. */
export function readPath(path: Path): Closure {
  const raw = readRaw(path)
  const decode = decoderOf(path.type)
  return decode === undefined ? raw : (run) => decode(raw(run))
}

/** The JSON value as it is. */
export function readRaw({ root, keys, text, at }: Path): Closure {
  return (run) => {
    let value: unknown = run.roots[root]
    for (const key of keys) {
      const next = member(value, key)
      if (next === undefined) throw new EvaluationFault(`${text}: there is no ${key}.`, at)
      value = next
    }
    run.reads?.set(text, value)
    return value
  }
}

/** Whether the last field is there; the ones before it must be. */
export function hasPath({ root, keys, text, at }: Path): Closure {
  const last = keys.length - 1
  return (run) => {
    let value: unknown = run.roots[root]
    for (let i = 0; i < last; i++) {
      const key = keys[i] as string | number
      value = member(value, key)
      if (value === undefined) throw new EvaluationFault(`${text}: there is no ${key}.`, at)
    }
    const present = member(value, keys[last] as string | number) !== undefined
    run.reads?.set(`has(${text})`, present)
    return present
  }
}

/** @returns undefined when there is no such field or element. */
export function member(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (typeof key === 'number') return Array.isArray(value) ? value[key] : undefined
  return !Array.isArray(value) && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined
}

/** What a closure over a path may be used for without making a CEL value of it. */
export function numberOf(path: Path): Closure | undefined {
  if (path.type.kind !== 'int' && path.type.kind !== 'double') return undefined
  const raw = readRaw(path)
  return (run: Run) => {
    const value = raw(run)
    if (typeof value === 'number') return value
    throw new EvaluationFault(`${path.text} is not a number.`, path.at)
  }
}
