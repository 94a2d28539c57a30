import { Type } from 'typebox'
import { STAGES } from '../../domain/installer/events.ts'

const instant = Type.String({ format: 'date-time' })
const value = Type.String({ maxLength: 10_000, pattern: '^[^\\u0000\\r\\n]*$' })
const values = (description: string) =>
  Type.Optional(
    Type.Record(Type.String({ maxLength: 200 }), value, { maxProperties: 100, description }),
  )
const version = Type.String({ minLength: 1, maxLength: 300 })
const position = Type.String({ description: 'position of the command in the log, decimal' })
const network = Type.Enum(['none', 'full'], {
  description: 'what the sandbox lets the server reach: nothing, or everything',
})

const settings = {
  environment: values('declared environment variables, or HTTP headers of a remote server'),
  arguments: Type.Optional(
    Type.Record(
      Type.String({ maxLength: 200 }),
      Type.Union([value, Type.Array(value, { maxItems: 100 })]),
      { maxProperties: 100, description: 'declared arguments by name' },
    ),
  ),
  variables: values('declared variables of values and of a remote server’s URL'),
  network: Type.Optional(network),
}
const closed = { additionalProperties: false }

export const Params = Type.Object({ installationId: Type.String({ format: 'uuid' }) })

export const SecretParams = Type.Object({
  installationId: Type.String({ format: 'uuid' }),
  name: Type.String({ minLength: 1, maxLength: 200 }),
})

const configuration = Type.Optional(
  Type.Object(
    { ...settings, secrets: values('like `environment`; stored encrypted, never shown') },
    closed,
  ),
)

export const InstallBody = Type.Object(
  {
    server: Type.String({ minLength: 1, maxLength: 300, description: 'name in the catalogue' }),
    version: Type.Optional(version),
    source: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: 'by default the one believed' }),
    ),
    configuration,
  },
  closed,
)

export const UpdateBody = Type.Object(
  {
    version: Type.Optional(version),
    allowBreaking: Type.Optional(
      Type.Boolean({ description: 'also to a version that can break who uses the server' }),
    ),
    configuration,
  },
  closed,
)

export const RollbackBody = Type.Object({ version: Type.Optional(version) }, closed)
export const ConfigurationBody = Type.Object(settings, closed)
export const SecretBody = Type.Object(
  { value: Type.String({ minLength: 1, maxLength: 10_000, pattern: '^[^\\u0000\\r\\n]*$' }) },
  closed,
)

export const Accepted = Type.Object({ installationId: Type.String({ format: 'uuid' }), position })

export const RolledBack = Type.Object({
  installationId: Type.String({ format: 'uuid' }),
  version: Type.String({ description: 'the active version' }),
  position,
})

export const Checked = Type.Object({
  installationId: Type.String({ format: 'uuid' }),
  version: Type.String({ description: 'the active version' }),
  update: Type.Optional(Type.Object({ version: Type.String(), breaking: Type.Boolean() })),
  position,
})

const Target = Type.Union([
  Type.Object({
    kind: Type.Literal('npm'),
    identifier: Type.String(),
    version: Type.String(),
  }),
  Type.Object({ kind: Type.Literal('remote'), url: Type.String() }),
])

const StageView = Type.Object({
  stage: Type.Enum(STAGES),
  status: Type.Enum(['pending', 'running', 'completed', 'failed']),
  startedAt: Type.Optional(instant),
  endedAt: Type.Optional(instant),
  durationMs: Type.Optional(Type.Number()),
  facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
})

const Quarantine = Type.Object(
  {
    since: instant,
    failures: Type.Optional(
      Type.Integer({ description: 'how often the server died or did not start' }),
    ),
    untilLifted: Type.Boolean({ description: 'also through updates and rollbacks' }),
    cause: Type.String({ description: 'of the last failure, or why somebody asked for it' }),
  },
  {
    description:
      'It kept dying, or somebody stopped it, and it is not started: until `POST …/quarantine/lift`, or unless `untilLifted` until an update, a rollback or another configuration.',
  },
)

const summary = {
  installationId: Type.String({ format: 'uuid' }),
  server: Type.String(),
  source: Type.String(),
  status: Type.Enum(['installing', 'installed', 'updating', 'failed', 'uninstalled']),
  version: Type.Optional(Type.String({ description: 'the active version' })),
  requestedVersion: Type.String({ description: 'of the newest attempt' }),
  target: Target,
  mcpPath: Type.Optional(Type.String({ description: 'where it is called; absent = it cannot be' })),
  tools: Type.Array(Type.String()),
  failure: Type.Optional(
    Type.Object({ stage: Type.Enum(STAGES), code: Type.String(), cause: Type.String() }),
  ),
  update: Type.Optional(Type.Object({ version: Type.String(), breaking: Type.Boolean() })),
  quarantine: Type.Optional(Quarantine),
  createdAt: instant,
  changedAt: instant,
}

export const Summary = Type.Object(summary)

export const Detail = Type.Object({
  ...summary,
  configuration: Type.Object({
    environment: Type.Record(Type.String(), Type.String()),
    arguments: Type.Array(Type.String()),
    secretNames: Type.Array(Type.String()),
    network,
  }),
  stages: Type.Array(StageView, { description: 'of the newest attempt, in their order' }),
  versions: Type.Array(Type.String(), {
    description: 'on the disk, newest first: the active one and those that a rollback returns to',
  }),
})

export const History = Type.Object({
  items: Type.Array(
    Type.Object({
      eventId: Type.String(),
      type: Type.String(),
      time: instant,
      actorId: Type.String(),
      position: Type.String(),
      data: Type.Record(Type.String(), Type.Unknown()),
    }),
  ),
  nextCursor: Type.Optional(Type.String()),
})

export const SummaryPage = Type.Object({
  items: Type.Array(Summary),
  nextCursor: Type.Optional(Type.String()),
})
