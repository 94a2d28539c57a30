import { type Static, Type } from 'typebox'
import { eventConsumption, eventDefinitions } from './document-events.ts'
import {
  anything,
  authenticationPolicy,
  duration,
  endpoint,
  error,
  input,
  output,
  partDefinitions,
  retryPolicy,
  text,
  timeout,
  timeoutOrName,
} from './document-parts.ts'
import { type Task, taskDefinitions, taskList } from './document-tasks.ts'
import { closed, ref } from './schema-kit.ts'
import { documentMetadata, taskMetadata } from './task-metadata.ts'

// A workflow document of the Serverless Workflow DSL 1.0.3, in our own words; its verdict is that of
// the published schema. What the schema cannot say is in checks/ beside this.

const NAME = '^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$'
const SEMVER =
  '^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-((?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\\+([0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*))?$'
const name = Type.String({
  pattern: NAME,
  description: 'letters, digits and inner hyphens, 63 at most',
})
const version = Type.String({ pattern: SEMVER, description: 'a semantic version such as 1.0.0' })

const header = closed({
  dsl: version,
  namespace: name,
  name,
  version,
  title: Type.Optional(text),
  summary: Type.Optional(text),
  tags: Type.Optional(anything),
  metadata: Type.Optional(anything),
})

const oneMember = { minProperties: 1, maxProperties: 1 }
const extension = closed({
  extend: Type.Enum([
    ...['call', 'composite', 'emit', 'for', 'listen', 'raise', 'run', 'set', 'switch', 'try'],
    ...['wait', 'all'],
  ]),
  when: Type.Optional(text),
  before: Type.Optional(taskList),
  after: Type.Optional(taskList),
})
const use = closed({
  authentications: Type.Optional(Type.Record(Type.String(), authenticationPolicy)),
  errors: Type.Optional(Type.Record(Type.String(), error)),
  extensions: Type.Optional(Type.Array(Type.Record(Type.String(), extension, oneMember))),
  functions: Type.Optional(Type.Record(Type.String(), ref<Task>('task'))),
  retries: Type.Optional(Type.Record(Type.String(), retryPolicy)),
  secrets: Type.Optional(Type.Array(text)),
  timeouts: Type.Optional(Type.Record(Type.String(), timeout)),
  catalogs: Type.Optional(Type.Record(Type.String(), closed({ endpoint }))),
})

const schedule = closed({
  every: Type.Optional(duration),
  cron: Type.Optional(text),
  after: Type.Optional(duration),
  on: Type.Optional(eventConsumption),
})

const definitions = { ...partDefinitions, ...eventDefinitions, ...taskDefinitions }

export const WorkflowDocument = Type.Object(
  {
    document: header,
    input: Type.Optional(input),
    use: Type.Optional(use),
    do: taskList,
    timeout: Type.Optional(timeoutOrName),
    output: Type.Optional(output),
    schedule: Type.Optional(schedule),
  },
  { $defs: definitions },
)
export type WorkflowDocument = Static<typeof WorkflowDocument>

/** What is saved here: a document of the language whose Tidemark metadata is right, too. */
export const SavedWorkflowDocument = Type.Object(
  {
    ...WorkflowDocument.properties,
    document: closed({ ...header.properties, metadata: Type.Optional(documentMetadata) }),
  },
  { $defs: { ...definitions, metadata: taskMetadata } },
)
