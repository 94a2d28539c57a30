import { within } from '../../kernel/pointer.ts'
import { withoutAuthentication } from '../credentials.ts'
import type { WorkflowDocument } from '../document.ts'
import type { EventConsumption, EventFilter } from '../document-events.ts'
import type { Task } from '../document-tasks.ts'
import { compileExpression, enclosedExpression } from '../expression.ts'
import { JqSyntaxError } from '../jq/errors.ts'
import type { PlacedTask, TaskGroup } from '../walk.ts'
import type { Fault } from './fault.ts'

// Every expression of a document is jq that can be read. Which of the variables is there at which
// place is seen when it runs: here each one counts that the document names anywhere.

const STANDARD = [
  ...['context', 'input', 'output', 'workflow', 'runtime', 'task'],
  ...['item', 'index', 'error', 'compensated'],
]

/** `text`: an expression with or without `${ }`; `template`: what is inside of `${ }` in any string. */
type Found = readonly [
  kind: 'text' | 'template',
  path: readonly (string | number)[],
  value: unknown,
]

export function namesIn(groups: readonly TaskGroup[]): readonly string[] {
  const names = new Set(STANDARD)
  for (const { task } of groups.flatMap(({ tasks }) => tasks)) {
    const given = [
      ...('for' in task ? [task.for.each, task.for.at] : []),
      ...('try' in task ? [task.catch.as] : []),
      ...('listen' in task ? [task.foreach?.item, task.foreach?.at] : []),
    ]
    for (const name of given) if (name !== undefined) names.add(name)
  }
  return [...names]
}

export function expressionFaults(
  { task, pointer }: PlacedTask,
  names: readonly string[],
): readonly Fault[] {
  return faultsIn(pointer, [...inEveryTask(task), ...inKind(task)], names)
}

export function rootExpressionFaults(
  { input, output, schedule, use }: WorkflowDocument,
  names: readonly string[],
): readonly Fault[] {
  const retries = Object.entries(use?.retries ?? {}).flatMap(([name, retry]) =>
    conditionsIn(retry, ['use', 'retries', name]),
  )
  const found: readonly Found[] = [
    ...transformations({ input, output }),
    ...retries,
    ['template', ['use', 'errors'], use?.errors],
    ...(schedule?.on === undefined ? [] : inEvents(schedule.on, ['schedule', 'on'])),
  ]
  return faultsIn('', found, names)
}

function inEveryTask(task: Task): readonly Found[] {
  return [
    ['text', ['if'], task.if],
    ...transformations({ input: task.input, output: task.output, export: task.export }),
    ['template', ['timeout'], task.timeout],
  ]
}

function inKind(task: Task): readonly Found[] {
  if ('switch' in task)
    return task.switch.flatMap((item, index) =>
      Object.entries(item).map(
        ([name, { when }]): Found => ['text', ['switch', index, name, 'when'], when],
      ),
    )
  if ('for' in task)
    return [
      ['text', ['for', 'in'], task.for.in],
      ['text', ['while'], task.while],
    ]
  if ('try' in task)
    return [
      ...conditionsIn(task.catch, ['catch']),
      ...conditionsIn(task.catch.retry, ['catch', 'retry']),
    ]
  if ('listen' in task) {
    const inside = transformations(task.foreach ?? {}).map(
      ([kind, path, value]): Found => [kind, ['foreach', ...path], value],
    )
    return [...inEvents(task.listen.to, ['listen', 'to']), ...inside]
  }
  if ('set' in task)
    return [[typeof task.set === 'string' ? 'text' : 'template', ['set'], task.set]]
  const others = (['emit', 'raise', 'run', 'wait'] as const).map(
    (member): Found => ['template', [member], (task as Readonly<Record<string, unknown>>)[member]],
  )
  return [['template', ['with'], withoutAuthentication(task)], ...others]
}

function conditionsIn(value: unknown, path: readonly string[]): readonly Found[] {
  if (typeof value !== 'object' || value === null) return []
  const { when, exceptWhen } = value as { readonly when?: unknown; readonly exceptWhen?: unknown }
  return [
    ['text', [...path, 'when'], when],
    ['text', [...path, 'exceptWhen'], exceptWhen],
  ]
}

function inEvents(
  consumption: EventConsumption,
  path: readonly (string | number)[],
): readonly Found[] {
  const until = 'any' in consumption ? consumption.until : undefined
  const condition: Found = [
    'text',
    [...path, 'until'],
    typeof until === 'string' ? until : undefined,
  ]
  return [
    ['template', path, { ...consumption, until: undefined }],
    ...correlatedIn(consumption, path),
    condition,
    ...(typeof until === 'object' ? inEvents(until, [...path, 'until']) : []),
  ]
}

function correlatedIn(
  consumption: EventConsumption,
  path: readonly (string | number)[],
): readonly Found[] {
  if ('one' in consumption) return fromIn(consumption.one, [...path, 'one'])
  const [strategy, filters] =
    'all' in consumption ? (['all', consumption.all] as const) : (['any', consumption.any] as const)
  return filters.flatMap((filter, index) => fromIn(filter, [...path, strategy, index]))
}

/** One within `${ }` is seen with the rest of the template. */
function fromIn({ correlate = {} }: EventFilter, path: readonly (string | number)[]) {
  return Object.entries(correlate).flatMap(([key, { from }]): Found[] =>
    enclosedExpression(from) === null ? [['text', [...path, 'correlate', key, 'from'], from]] : [],
  )
}

type Transforming = {
  readonly input?: { readonly from?: unknown } | undefined
  readonly output?: { readonly as?: unknown } | undefined
  readonly export?: { readonly as?: unknown } | undefined
}

function transformations({ input, output, export: exported }: Transforming): readonly Found[] {
  const all = [
    [['input', 'from'], input?.from],
    [['output', 'as'], output?.as],
    [['export', 'as'], exported?.as],
  ] as const
  return all.map(([path, value]) => [typeof value === 'string' ? 'text' : 'template', path, value])
}

function faultsIn(
  pointer: string,
  found: readonly Found[],
  names: readonly string[],
): readonly Fault[] {
  return found.flatMap(([kind, path, value]) => {
    const place = within(pointer, ...path)
    if (kind === 'template') return templateFaults(place, value, names)
    return typeof value === 'string'
      ? jqFaults(place, enclosedExpression(value) ?? value, names)
      : []
  })
}

function templateFaults(
  pointer: string,
  value: unknown,
  names: readonly string[],
): readonly Fault[] {
  if (typeof value === 'string') {
    const source = enclosedExpression(value)
    return source === null ? [] : jqFaults(pointer, source, names)
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([member, inner]) =>
    templateFaults(within(pointer, member), inner, names),
  )
}

function jqFaults(pointer: string, source: string, names: readonly string[]): readonly Fault[] {
  try {
    compileExpression(source, names)
    return []
  } catch (error) {
    if (!(error instanceof JqSyntaxError)) throw error
    const { reason, column } = error
    return [
      { pointer, detail: `is not jq: ${reason}, at character ${column} of "${source.trim()}"` },
    ]
  }
}
