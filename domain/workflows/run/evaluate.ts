import type { Json } from '../../kernel/json.ts'
import type { DataSchema } from '../document-parts.ts'
import type { Task } from '../document-tasks.ts'
import { evaluateExpression, evaluateTemplate } from '../expression.ts'
import { JqError, JqLimitError, JqSyntaxError } from '../jq/errors.ts'
import { isTrue } from '../jq/values.ts'
import { fault } from './fault.ts'
import type { Program, Surroundings } from './program.ts'
import { type Variables, variablesIn } from './scope.ts'
import type { OpenStep, Run } from './state.ts'

/** Of one template: a fraction of a second, and far from what a process has. */
const LIMITS = { maxSteps: 1_000_000, maxBytes: 16 * 1024 * 1024 }

/** Where an expression is evaluated: a step of a run, at a moment. */
export type Place = Surroundings & { readonly run: Run; readonly step: OpenStep }

/**
 * Strings that are `${ … }` are evaluated, wherever in the template they are.
 *
 * @throws {TaskFault}
 */
export function evaluate(place: Place, template: unknown, input: Json, more?: Variables): Json {
  return within(place, more, (args, limits) =>
    evaluateTemplate(template as Json, input, args, limits),
  )
}

/**
 * A string is an expression, with or without `${ }` around it.
 *
 * @throws {TaskFault}
 */
export function evaluateText(place: Place, text: string, input: Json, more?: Variables): Json {
  return within(place, more, (args, limits) => evaluateExpression(text, input, args, limits))
}

/** As jq has it: everything but false and null holds. */
export function holds(place: Place, condition: string, input: Json, more?: Variables): boolean {
  return isTrue(evaluateText(place, condition, input, more))
}

/**
 * Outside of a run: the expression sees its input only.
 *
 * @throws {TaskFault}
 */
export function evaluateAlone(text: string, input: Json, now: string): Json {
  return orFault(() => evaluateExpression(text, input, {}, { ...LIMITS, now: Date.parse(now) }))
}

type Limits = Parameters<typeof evaluateTemplate>[3]

function within(
  { program, run, step, now }: Place,
  more: Variables | undefined,
  work: (args: Variables, limits: Limits) => Json,
): Json {
  const args = { ...variablesIn(program, run, step), ...more }
  return orFault(() => work(args, { ...LIMITS, now: Date.parse(now) }))
}

function orFault(work: () => Json): Json {
  try {
    return work()
  } catch (error) {
    const isJq =
      error instanceof JqError || error instanceof JqSyntaxError || error instanceof JqLimitError
    if (isJq) throw fault('expression', error.message)
    throw error
  }
}

type Transformation = {
  readonly schema?: DataSchema
  readonly transformation?: string | Readonly<Record<string, unknown>> | undefined
}

/** `from` of an input or `as` of an output or export. */
export function transform(place: Place, by: Transformation, value: Json, more?: Variables): Json {
  const { transformation } = by
  if (transformation === undefined) return value
  if (typeof transformation === 'string') return evaluateText(place, transformation, value, more)
  return evaluate(place, transformation, value, more)
}

/** What `output` and `export` of a task, or of the events of a `listen`, say. */
export type Shaping = {
  readonly output?: Task['output'] | undefined
  readonly export?: Task['export'] | undefined
}

/**
 * What `output.as` makes of a value, and `export.as` of that.
 *
 * @throws {TaskFault} when it cannot be made, or does not fit.
 */
export function shaped(
  place: Place,
  { output: shape, export: exported }: Shaping,
  raw: Json,
): { readonly output: Json; readonly context?: Json } {
  const output = transform(place, { transformation: shape?.as }, raw, { output: raw })
  requireFit(place.program, shape?.schema, output)
  if (exported?.as === undefined) return { output }
  const context = transform(place, { transformation: exported.as }, output, { output })
  requireFit(place.program, exported.schema, context)
  return { output, context }
}

/** @throws {TaskFault} when the value does not fit. */
export function requireFit(program: Program, schema: DataSchema | undefined, value: Json): void {
  if (schema === undefined) return
  if (!('document' in schema))
    throw fault('configuration', 'Schemas by reference are not fetched; give `document`.')
  const violation = program.violation(schema.document, value)
  if (violation !== undefined) throw fault('validation', violation)
}
