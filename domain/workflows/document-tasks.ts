import { type Static, Type } from 'typebox'
import { callTasks } from './document-calls.ts'
import { emittedEvent, eventConsumption } from './document-events.ts'
import {
  anyObject,
  anything,
  duration,
  error,
  errorFilter,
  externalResource,
  input,
  output,
  retryPolicy,
  text,
  timeoutOrName,
} from './document-parts.ts'
import { byMember, closed, objectOr, ref } from './schema-kit.ts'

// The tasks of the language. Tasks contain lists of tasks: their types meet in an interface, their
// schemas in a reference.

/** A task and its name: the only member. */
export interface TaskItem {
  readonly [name: string]: Task
}
/** Done in this order. */
export type TaskList = readonly TaskItem[]
export const taskList = ref<TaskList>('taskList')

/** What is done with each event of a `listen`. */
const iterator = closed({
  item: Type.Optional(text),
  at: Type.Optional(text),
  do: Type.Optional(taskList),
  output: Type.Optional(output),
  export: Type.Optional(output),
})

/** What every task may have. */
const base = {
  if: Type.Optional(text),
  input: Type.Optional(input),
  output: Type.Optional(output),
  export: Type.Optional(output),
  timeout: Type.Optional(timeoutOrName),
  then: Type.Optional(text),
  metadata: Type.Optional(ref<Readonly<Record<string, unknown>>>('metadata')),
}

const calls = callTasks(base)
const doTask = closed({ ...base, do: taskList })
const forkTask = closed({
  ...base,
  fork: closed({ branches: taskList, compete: Type.Optional(Type.Boolean()) }),
})
const emitTask = closed({ ...base, emit: closed({ event: emittedEvent }) })
const forTask = closed({
  ...base,
  for: closed({ each: Type.Optional(text), in: text, at: Type.Optional(text) }),
  while: Type.Optional(text),
  do: taskList,
})
const listenTask = closed({
  ...base,
  listen: closed({
    to: eventConsumption,
    read: Type.Optional(Type.Enum(['data', 'envelope', 'raw'])),
  }),
  foreach: Type.Optional(iterator),
})
const raiseTask = closed({
  ...base,
  raise: closed({
    error: objectOr(error, Type.String({ description: 'an error or the name of one' })),
  }),
})
const setTask = closed({
  ...base,
  set: objectOr(Type.Record(Type.String(), Type.Unknown(), { minProperties: 1 }), text),
})
const switchTask = closed({
  ...base,
  switch: Type.Array(
    Type.Record(Type.String(), closed({ when: Type.Optional(text), then: text }), {
      minProperties: 1,
      maxProperties: 1,
    }),
    { minItems: 1 },
  ),
})
const tryTask = closed({
  ...base,
  try: taskList,
  catch: closed({
    errors: Type.Optional(Type.Object({ with: Type.Optional(errorFilter) })),
    as: Type.Optional(text),
    when: Type.Optional(text),
    exceptWhen: Type.Optional(text),
    retry: Type.Optional(
      objectOr(retryPolicy, Type.String({ description: 'a retry policy or the name of one' })),
    ),
    do: Type.Optional(taskList),
  }),
})
const waitTask = closed({ ...base, wait: duration })

const running = {
  await: Type.Optional(Type.Boolean()),
  return: Type.Optional(Type.Enum(['stdout', 'stderr', 'code', 'all', 'none'])),
}
const stringList = Type.Array(text)
const process = {
  stdin: Type.Optional(text),
  arguments: Type.Optional(stringList),
  environment: Type.Optional(anything),
}
const container = closed({
  image: text,
  name: Type.Optional(text),
  command: Type.Optional(text),
  ports: Type.Optional(anyObject),
  volumes: Type.Optional(anyObject),
  environment: Type.Optional(anyObject),
  stdin: Type.Optional(text),
  arguments: Type.Optional(stringList),
  lifetime: Type.Optional(
    Type.Unsafe<unknown>({
      ...closed({
        cleanup: Type.Enum(['always', 'never', 'eventually']),
        after: Type.Optional(duration),
      }),
      if: { properties: { cleanup: { const: 'eventually' } } },
      then: { required: ['after'] },
      else: { not: { required: ['after'] } },
    }),
  ),
  pullPolicy: Type.Optional(Type.Enum(['ifNotPresent', 'always', 'never'])),
})
const script = byMember('code or source', {
  code: closed({ ...process, language: text, code: text }),
  source: closed({ ...process, language: text, source: externalResource }),
})
const workflow = closed({
  namespace: text,
  name: text,
  version: text,
  input: Type.Optional(anything),
})
const runTask = closed({
  ...base,
  run: byMember('workflow, container, script or shell', {
    workflow: closed({ ...running, workflow }),
    container: closed({ ...running, container }),
    script: closed({ ...running, script }),
    shell: closed({ ...running, shell: closed({ ...process, command: text }) }),
  }),
})

export type CallTask = Static<typeof calls.any>
/** The tasks that the language itself describes, by the value of `call`. */
type NamedCalls = { [K in keyof typeof calls.named]: Static<(typeof calls.named)[K]> }
export type CallFunctionTask = Static<typeof calls.functionCall>
export type DoTask = Static<typeof doTask>
export type ForkTask = Static<typeof forkTask>
export type EmitTask = Static<typeof emitTask>
export type ForTask = Static<typeof forTask>
export type ListenTask = Static<typeof listenTask>
export type RaiseTask = Static<typeof raiseTask>
export type RunTask = Static<typeof runTask>
export type SetTask = Static<typeof setTask>
export type SwitchTask = Static<typeof switchTask>
export type TryTask = Static<typeof tryTask>
export type WaitTask = Static<typeof waitTask>

/** Told apart by their keyword: `'wait' in task`; `for` before `do`, because both have `do`. */
export type Task =
  | CallTask
  | DoTask
  | ForkTask
  | EmitTask
  | ForTask
  | ListenTask
  | RaiseTask
  | RunTask
  | SetTask
  | SwitchTask
  | TryTask
  | WaitTask

const taskKinds = {
  call: calls.any,
  fork: forkTask,
  emit: emitTask,
  for: forTask,
  listen: listenTask,
  raise: raiseTask,
  run: runTask,
  set: setTask,
  switch: switchTask,
  try: tryTask,
  wait: waitTask,
  do: doTask,
}
/** The keyword that says what a task is. */
export type TaskKind = keyof typeof taskKinds
const keywords = Object.keys(taskKinds) as readonly TaskKind[]

export function taskKind(task: Task): TaskKind {
  return keywords.find((keyword) => keyword in task) ?? 'do'
}

/** The type cannot tell them apart by `task.call` alone, because a function may have any name. */
export function isCall<K extends keyof NamedCalls>(task: Task, call: K): task is NamedCalls[K] {
  return 'call' in task && task.call === call
}

export function isFunctionCall(task: Task): task is CallFunctionTask {
  return 'call' in task && !Object.hasOwn(calls.named, task.call)
}

const taskListSchema = Type.Array(
  Type.Record(Type.String(), ref<unknown>('task'), {
    minProperties: 1,
    maxProperties: 1,
    description: 'an object with a task under its name, and nothing else',
  }),
)

export const taskDefinitions = {
  task: byMember(`a task: an object with one of ${keywords.join(', ')}`, taskKinds),
  taskList: taskListSchema,
  iterator,
  metadata: anything,
}
