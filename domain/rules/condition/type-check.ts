import {
  type ASTNode,
  Environment,
  type OverlayContext,
  ParseError,
  type RootContext,
  type TypeDeclaration,
} from '@marcbachmann/cel-js'
import {
  isWindowFunction,
  parseSpan,
  WINDOW_FUNCTIONS,
  type WindowFunction,
} from '../window-spec.ts'
import type { CelType } from './cel-type.ts'
import { type ConditionScope, Refusal } from './scope.ts'

// Parsing and type checking is cel-js' work; this file tells it the types. What it evaluates by
// itself is used in tests only: it has no budget, and matches with JavaScript's regular expressions.

const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 500, maxMapEntries: 100 }

/** Of cel-js' checker the part that a macro needs. */
type Checker = {
  check(node: ASTNode, context: RootContext | OverlayContext): TypeDeclaration
  getType(name: string): TypeDeclaration
  createError(code: string, message: string, node: ASTNode): Error
}
type MacroCall = { readonly args: readonly ASTNode[] }

/** An environment in which texts of this scope can be parsed and checked. */
export function celEnvironment(scope: ConditionScope): Environment {
  const environment = new Environment({ limits: LIMITS })
  const declared = new Map<CelType, string>()
  for (const [name, type] of scope.roots)
    environment.registerVariable(name, declare(environment, declared, type))
  for (const name of Object.keys(WINDOW_FUNCTIONS))
    if (isWindowFunction(name)) declareWindowFunction(environment, declared, scope, name)
  return environment
}

/** @returns cel-js' name of the type. */
function declare(environment: Environment, declared: Map<CelType, string>, type: CelType): string {
  switch (type.kind) {
    case 'timestamp':
      return 'google.protobuf.Timestamp'
    case 'list':
      return `list<${declare(environment, declared, type.of)}>`
    case 'map':
      return `map<string, ${declare(environment, declared, type.of)}>`
    case 'object': {
      const known = declared.get(type)
      if (known !== undefined) return known
      const fields = [...type.fields].map(([field, of]) => [
        field,
        declare(environment, declared, of),
      ])
      const name = `Object${declared.size}`
      environment.registerType(name, { fields: Object.fromEntries(fields) })
      declared.set(type, name)
      return name
    }
    case 'string':
    case 'int':
    case 'double':
    case 'bool':
    case 'dyn':
      return type.kind
  }
}

function declareWindowFunction(
  environment: Environment,
  declared: Map<CelType, string>,
  scope: ConditionScope,
  name: WindowFunction,
): void {
  const { needed, filter, gives } = WINDOW_FUNCTIONS[name]
  const expand = ({ args }: MacroCall) => ({
    typeCheck(checker: Checker, _: unknown, context: RootContext) {
      const past = checkSpan(checker, scope, args)
      const inner = context.forkWithVariable(
        'it',
        checker.getType(declare(environment, declared, past)),
      )
      checkArguments(checker, name, args, inner)
      return checker.getType(gives)
    },
    evaluate(): never {
      throw new Error('Window functions have a value in compiled conditions only.')
    },
  })
  for (let count: number = needed; count <= filter + 1; count++)
    environment.registerFunction(
      `${name}(${Array(count).fill('ast').join(', ')}): ${gives}`,
      expand,
    )
}

/** @returns the type of the past events' data. */
function checkSpan(checker: Checker, scope: ConditionScope, args: readonly ASTNode[]): CelType {
  const [typeNode, spanNode] = args as [ASTNode, ASTNode]
  const refuse = (node: ASTNode, message: string) => checker.createError('window', message, node)
  if (typeNode.op !== 'value' || typeof typeNode.args !== 'string')
    throw refuse(typeNode, 'The first argument is an event type, as a literal.')
  const past = scope.pastEvent(typeNode.args)
  if (typeof past === 'string') throw refuse(typeNode, past)
  const span =
    spanNode.op === 'value' && typeof spanNode.args === 'string'
      ? parseSpan(spanNode.args)
      : undefined
  if (span === undefined)
    throw refuse(
      spanNode,
      'The second argument is a literal like "10m" or "10m since ServerUpdated", at most "7d".',
    )
  const since = span.since === undefined ? past : scope.pastEvent(span.since)
  if (typeof since === 'string') throw refuse(spanNode, since)
  return past
}

function checkArguments(
  checker: Checker,
  name: WindowFunction,
  args: readonly ASTNode[],
  inner: OverlayContext,
): void {
  const { value, fraction, filter } = WINDOW_FUNCTIONS[name]
  const refuse = (node: ASTNode, message: string) => checker.createError('window', message, node)
  args.forEach((node, index) => {
    if (index === value && !isNumberType(checker.check(node, inner)))
      throw refuse(node, 'The value must be a number.')
    if (index === fraction && !isFraction(node))
      throw refuse(node, 'The percentile is a literal from 0.0 to 1.0.')
    if (index === filter && !checker.check(node, inner).isDynOrBool())
      throw refuse(node, 'The filter must be a bool.')
  })
}

function isNumberType({ kind, name }: TypeDeclaration): boolean {
  return kind === 'dyn' || name === 'int' || name === 'double'
}

function isFraction(node: ASTNode): boolean {
  return (
    node.op === 'value' &&
    (typeof node.args === 'number' || typeof node.args === 'bigint') &&
    Number(node.args) >= 0 &&
    Number(node.args) <= 1
  )
}

/**
 * @returns the syntax tree of a text that is well-typed, and CEL's name of the type that it gives.
 * @throws {Refusal} with the place of the first mistake.
 */
export function parseChecked(
  environment: Environment,
  text: string,
  result: 'bool' | 'any',
): { readonly tree: ASTNode; readonly type: string } {
  const parsed = refusing(() => environment.parse(text))
  const checked = parsed.check()
  if (checked.error !== undefined) throw refusalOf(checked.error)
  if (result === 'bool' && checked.type !== 'bool' && checked.type !== 'dyn')
    throw new Refusal(`A condition is a bool, this is ${checked.type}.`, parsed.ast.range)
  return { tree: parsed.ast, type: checked.type ?? 'dyn' }
}

function refusing<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof ParseError) throw refusalOf(error)
    throw error
  }
}

function refusalOf(error: {
  readonly summary: string
  readonly range?: { readonly start: number; readonly end: number }
}): Refusal {
  // The names of object types are numbers that mean nothing to a reader.
  const summary = error.summary.replaceAll(/\bObject\d+\b/g, 'object')
  const sentence = summary.endsWith('.') ? summary : `${summary}.`
  return new Refusal(
    sentence.charAt(0).toUpperCase() + sentence.slice(1),
    error.range ?? { start: 0, end: 0 },
  )
}
