import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion, withOptionalMember } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })
const installationId = Type.String({ format: 'uuid' })
const processId = Type.String({ format: 'uuid', description: 'one run of a server process' })
const bytes = Type.Integer({ minimum: 0 })

export const CALL_OUTCOMES = [
  'ok',
  'tool-error',
  'protocol-error',
  'timeout',
  'unavailable',
  'cancelled',
] as const
export type CallOutcome = (typeof CALL_OUTCOMES)[number]

/** One `tools/call` that went through the gateway: never its arguments or its result. Who called is the event's actor. */
export const ToolCalledV1 = Type.Object(
  {
    installationId,
    serverName: Type.String(),
    version: Type.String(),
    tool: Type.String({ maxLength: 300 }),
    durationMs: Type.Number({ minimum: 0 }),
    outcome: Type.Enum(CALL_OUTCOMES),
    requestBytes: bytes,
    responseBytes: bytes,
    calledAt: instant,
  },
  { $id: 'gateway.ToolCalled.v1', additionalProperties: false },
)

export const ServerProcessStartedV1 = Type.Object(
  {
    installationId,
    processId,
    version: Type.String(),
    sandbox: Type.Union([Type.Literal('bubblewrap'), Type.Literal('none')]),
    startedAt: instant,
  },
  { $id: 'gateway.ServerProcessStarted.v1', additionalProperties: false },
)

export const ServerProcessStoppedV1 = Type.Object(
  {
    installationId,
    processId,
    reason: Type.Union([
      Type.Literal('idle'),
      Type.Literal('exited'),
      Type.Literal('unhealthy'),
      Type.Literal('misbehaved'),
      Type.Literal('replaced'),
      Type.Literal('shutdown'),
    ]),
    exitCode: Type.Optional(Type.Integer()),
    detail: Type.Optional(Type.String({ maxLength: 500 })),
    ranMs: Type.Number({ minimum: 0 }),
    stoppedAt: instant,
  },
  { $id: 'gateway.ServerProcessStopped.v1', additionalProperties: false },
)

/** It kept dying: it is not started again until somebody lifts the quarantine or changes its version. */
export const ServerQuarantinedV1 = Type.Object(
  {
    installationId,
    version: Type.String(),
    generation: Type.Integer({
      minimum: 0,
      description: 'which state of the installation it is about, see ActiveVersion',
    }),
    failures: Type.Integer({ minimum: 1 }),
    cause: Type.String({ maxLength: 500 }),
    quarantinedAt: instant,
  },
  { $id: 'gateway.ServerQuarantined.v1', additionalProperties: false },
)

/** Also by a command, of a person or a rule: then nothing failed, and it may outlast changes of the installation. */
export const ServerQuarantinedV2 = Type.Object(
  {
    ...ServerQuarantinedV1.properties,
    failures: Type.Optional(ServerQuarantinedV1.properties.failures),
    untilLifted: Type.Optional(
      Type.Boolean({ description: 'whatever version comes; otherwise the next change ends it' }),
    ),
  },
  { $id: 'gateway.ServerQuarantined.v2', additionalProperties: false },
)

export const QuarantineLiftedV1 = Type.Object(
  { installationId, liftedAt: instant },
  { $id: 'gateway.QuarantineLifted.v1', additionalProperties: false },
)

const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const toolListVersion = Type.String({ maxLength: 300, description: 'of the server' })

/** A server offers other tools than when it was last asked, or was asked for the first time. */
export const ToolListChangedV1 = Type.Object(
  {
    installationId,
    version: toolListVersion,
    hash: { ...sha256, description: 'SHA-256 of the list, whatever its order' },
    tools: Type.Integer({ minimum: 0, description: 'how many' }),
    previous: Type.Optional(
      Type.Object({ version: toolListVersion, hash: sha256 }, { additionalProperties: false }),
    ),
    sameVersion: Type.Boolean({ description: 'the list before was of the same version' }),
    observedAt: instant,
  },
  { $id: 'gateway.ToolListChanged.v1', additionalProperties: false },
)

export type GatewayEvent =
  | EventOf<'ToolCalled', typeof ToolCalledV1>
  | EventOf<'ServerProcessStarted', typeof ServerProcessStartedV1>
  | EventOf<'ServerProcessStopped', typeof ServerProcessStoppedV1>
  | EventOf<'ServerQuarantined', typeof ServerQuarantinedV2>
  | EventOf<'QuarantineLifted', typeof QuarantineLiftedV1>
  | EventOf<'ToolListChanged', typeof ToolListChangedV1>

export const gatewayEvents = {
  ToolCalled: firstVersion(ToolCalledV1),
  ServerProcessStarted: firstVersion(ServerProcessStartedV1),
  ServerProcessStopped: firstVersion(ServerProcessStoppedV1),
  ServerQuarantined: withOptionalMember(ServerQuarantinedV1, ServerQuarantinedV2),
  QuarantineLifted: firstVersion(QuarantineLiftedV1),
  ToolListChanged: firstVersion(ToolListChangedV1),
}
