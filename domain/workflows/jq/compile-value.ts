import type { Json } from '../../kernel/json.ts'
import { type Code, type Each, type One, passingCode, streamCode, valueCode } from './code.ts'
import { compileGrowth } from './compile-update.ts'
import type { Compiler } from './compiler.ts'
import { FORMATS, type Format } from './formats.ts'
import { negate, OPERATORS } from './operators.ts'
import { find, linkAbove, type Scope } from './scope.ts'
import type { Node } from './syntax.ts'
import { usesInput } from './uses-input.ts'
import { describe, fail, setMember } from './values.ts'

type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

export function compileVariable(compiler: Compiler, node: NodeOf<'variable'>, scope: Scope): Code {
  const { name } = node
  const found = find(scope, (entry) => entry.kind === 'variable' && entry.name === name)
  if (found === null) {
    if (name === 'ENV') return valueCode(() => ({}))
    return compiler.fail(`$${name} is not defined`, node.at)
  }
  const hops = scope.size - found.size
  return passingCode(
    hops === 0 ? (_run, env) => env.value : (_run, env) => linkAbove(env, hops).value,
  )
}

export function compileArray(compiler: Compiler, node: NodeOf<'array'>, scope: Scope): Code {
  if (node.items === null) return valueCode(() => [])
  const items = compiler.code(node.items, scope)
  const { one } = items
  if (one !== null)
    return valueCode((run, env, input) => {
      run.bytes(24)
      return [one(run, env, input)]
    })
  return valueCode((run, env, input) => {
    run.bytes(16)
    const list: Json[] = []
    items.each(run, env, input, (value) => {
      run.bytes(8)
      list.push(value)
    })
    return list
  })
}

type Member = { readonly key: Code; readonly value: Code }

export function compileObject(compiler: Compiler, node: NodeOf<'object'>, scope: Scope): Code {
  const members = node.entries.map(({ key, value }) => ({
    key: compiler.code(key, scope),
    value: compiler.code(value, scope),
  }))
  const ones = members.flatMap(({ key, value }) =>
    key.one === null || value.one === null ? [] : [{ key: key.one, value: value.one }],
  )
  return ones.length === members.length ? valueCode(oneObject(ones)) : streamCode(objects(members))
}

function oneObject(members: readonly { readonly key: One; readonly value: One }[]): One {
  return (run, env, input) => {
    run.bytes(16 + 24 * members.length)
    const object: { [key: string]: Json } = {}
    for (const { key, value } of members) {
      const name = keyOf(key(run, env, input))
      setMember(object, name, value(run, env, input))
    }
    return object
  }
}

/** The first member varies slowest. */
function objects(members: readonly Member[]): Each {
  return (run, env, input, emit) => {
    const build = (at: number, object: { readonly [key: string]: Json }): void => {
      const member = members[at]
      run.step()
      run.bytes(16 + 16 * at)
      if (member === undefined) {
        emit(object)
        return
      }
      member.key.each(run, env, input, (key) => {
        const name = keyOf(key)
        member.value.each(run, env, input, (value) => {
          const grown = { ...object }
          setMember(grown, name, value)
          build(at + 1, grown)
        })
      })
    }
    build(0, {})
  }
}

function keyOf(key: Json): string {
  return typeof key === 'string' ? key : fail(`Cannot use ${describe(key)} as object key`)
}

export function compileNegate(compiler: Compiler, node: NodeOf<'negate'>, scope: Scope): Code {
  const of = compiler.code(node.of, scope)
  const { one } = of
  if (one !== null) return valueCode((run, env, input) => negate(one(run, env, input)))
  return streamCode((run, env, input, emit) =>
    of.each(run, env, input, (value) => emit(negate(value))),
  )
}

/** For each right operand, for each left one. */
export function compileBinary(compiler: Compiler, node: NodeOf<'binary'>, scope: Scope): Code {
  const right = compiler.code(node.right, scope)
  if (node.operator === '+' && node.left.kind === 'identity' && !usesInput(node.right))
    return compileGrowth(right)
  const left = compiler.code(node.left, scope)
  const operator = OPERATORS[node.operator]
  const leftOne = left.one
  const rightOne = right.one
  if (leftOne !== null && rightOne !== null)
    return valueCode((run, env, input) => {
      const operand = rightOne(run, env, input)
      return operator(run, leftOne(run, env, input), operand)
    })
  return streamCode((run, env, input, emit) =>
    right.each(run, env, input, (operand) =>
      left.each(run, env, input, (value) => {
        run.step()
        emit(operator(run, value, operand))
      }),
    ),
  )
}

export function compileFormat(compiler: Compiler, node: NodeOf<'format'>): Code {
  const format = formatOf(compiler, node.format, 0)
  return valueCode((run, _env, input) => format(run, input))
}

function formatOf(compiler: Compiler, name: string, at: number): Format {
  return FORMATS.get(name) ?? compiler.fail(`${name} is not a valid format`, at)
}

export function compileText(compiler: Compiler, node: NodeOf<'text'>, scope: Scope): Code {
  const format = formatOf(compiler, node.format, 0)
  const parts = node.parts.map((part) =>
    typeof part === 'string' ? part : compiler.code(part, scope),
  )
  const ones = parts.flatMap((part): readonly (string | One)[] => {
    if (typeof part === 'string') return [part]
    return part.one === null ? [] : [part.one]
  })
  return ones.length === parts.length
    ? valueCode(oneText(format, ones))
    : streamCode(texts(format, parts))
}

/** The last part is evaluated first. */
function oneText(format: Format, parts: readonly (string | One)[]): One {
  return (run, env, input) => {
    let text = ''
    for (let at = parts.length - 1; at >= 0; at--) {
      const part = parts[at] ?? ''
      text = (typeof part === 'string' ? part : format(run, part(run, env, input))) + text
    }
    run.bytes(text.length)
    return text
  }
}

/** The last part varies slowest. */
function texts(format: Format, parts: readonly (string | Code)[]): Each {
  return (run, env, input, emit) => {
    const build = (at: number, text: string): void => {
      const part = parts[at]
      run.step()
      run.bytes(text.length)
      if (part === undefined) emit(text)
      else if (typeof part === 'string') build(at - 1, part + text)
      else part.each(run, env, input, (value) => build(at - 1, format(run, value) + text))
    }
    build(parts.length - 1, '')
  }
}
