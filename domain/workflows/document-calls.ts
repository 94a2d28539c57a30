import { type Static, type TProperties, Type } from 'typebox'
import {
  anyObject,
  anything,
  duration,
  endpoint,
  externalResource,
  referenceableAuthentication,
  runtimeExpression,
  text,
  textMap,
} from './document-parts.ts'
import { byMember, byValue, closed, objectOr, ref } from './schema-kit.ts'

// The `call` tasks. asyncapi, grpc and a2a are described because they belong to the language; they
// are refused when a definition is saved.

const textMapOrExpression = objectOr(textMap, runtimeExpression)
const anythingOrText = objectOr(anything, text)
const answer = Type.Optional(Type.Enum(['raw', 'content', 'response']))
const authentication = Type.Optional(referenceableAuthentication)

const http = closed({
  method: text,
  endpoint,
  headers: Type.Optional(textMapOrExpression),
  body: Type.Optional(Type.Unknown()),
  query: Type.Optional(textMapOrExpression),
  output: answer,
  redirect: Type.Optional(Type.Boolean()),
})

const openapi = closed({
  document: externalResource,
  operationId: text,
  parameters: Type.Optional(anything),
  authentication,
  output: answer,
  redirect: Type.Optional(Type.Boolean()),
})

const mcpTransport = Type.Object({
  http: Type.Optional(Type.Object({ endpoint, headers: Type.Optional(textMap) })),
  stdio: Type.Optional(
    Type.Object({
      command: text,
      arguments: Type.Optional(Type.Array(text)),
      environment: Type.Optional(textMap),
    }),
  ),
  options: Type.Optional(textMap),
})
const mcp = Type.Object({
  protocolVersion: Type.Optional(text),
  method: Type.Enum([
    'tools/list',
    'tools/call',
    'prompts/list',
    'prompts/get',
    'resources/list',
    'resources/read',
    'resources/templates/list',
  ]),
  parameters: Type.Optional(anythingOrText),
  timeout: Type.Optional(duration),
  transport: Type.Unsafe<Static<typeof mcpTransport>>({
    ...mcpTransport,
    description: 'a transport with either http or stdio',
    oneOf: [{ required: ['http'] }, { required: ['stdio'] }],
  }),
  // The published schema gives the type of `version` to a member `description`.
  client: Type.Optional(
    Type.Object({ name: text, description: Type.Optional(text), version: Type.Unknown() }),
  ),
})

const grpc = closed({
  proto: externalResource,
  service: closed({
    name: text,
    host: Type.String({ pattern: '^[a-zA-Z0-9](?:[a-zA-Z0-9-.]{0,61}[a-zA-Z0-9])?$' }),
    port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
    authentication,
  }),
  method: text,
  arguments: Type.Optional(anything),
})

const a2a = closed({
  agentCard: Type.Optional(externalResource),
  server: Type.Optional(endpoint),
  method: Type.Enum([
    'message/send',
    'message/stream',
    'tasks/get',
    'tasks/list',
    'tasks/cancel',
    'tasks/resubscribe',
    'tasks/pushNotificationConfig/set',
    'tasks/pushNotificationConfig/get',
    'tasks/pushNotificationConfig/list',
    'tasks/pushNotificationConfig/delete',
    'agent/getAuthenticatedExtendedCard',
  ]),
  parameters: Type.Optional(
    objectOr(Type.Record(Type.String(), Type.Unknown(), { minProperties: 1 }), text),
  ),
})

const lasting = { for: Type.Optional(duration) }
const asyncApiSubscription = closed({
  filter: Type.Optional(runtimeExpression),
  consume: byMember('amount, while or until', {
    amount: closed({ ...lasting, amount: Type.Integer() }),
    while: closed({ ...lasting, while: runtimeExpression }),
    until: closed({ ...lasting, until: runtimeExpression }),
  }),
  foreach: Type.Optional(ref<unknown>('iterator')),
})
const asyncapi = Type.Unsafe<Readonly<Record<string, unknown>>>({
  ...closed({
    document: Type.Optional(externalResource),
    channel: Type.Optional(text),
    operation: Type.Optional(text),
    server: Type.Optional(closed({ name: text, variables: Type.Optional(anyObject) })),
    protocol: Type.Optional(
      Type.Enum([
        ...['amqp', 'amqp1', 'anypointmq', 'googlepubsub', 'http', 'ibmmq', 'jms', 'kafka'],
        ...['mercure', 'mqtt', 'mqtt5', 'nats', 'pulsar', 'redis', 'sns', 'solace', 'sqs'],
        ...['stomp', 'ws'],
      ]),
    ),
    message: Type.Optional(
      closed({ payload: Type.Optional(anyObject), headers: Type.Optional(anyObject) }),
    ),
    subscription: Type.Optional(asyncApiSubscription),
    authentication,
  }),
  description: 'a document, one of operation and channel, and one of message and subscription',
  oneOf: ['operation', 'channel'].flatMap((from) =>
    ['message', 'subscription'].map((what) => ({ required: ['document', from, what] })),
  ),
})

/** The schemas of the `call` tasks, given the members that every task has. */
export function callTasks<B extends TProperties>(base: B) {
  const named = {
    http: closed({ ...base, call: Type.Literal('http'), with: http }),
    openapi: closed({ ...base, call: Type.Literal('openapi'), with: openapi }),
    mcp: closed({ ...base, call: Type.Literal('mcp'), with: mcp }),
    grpc: closed({ ...base, call: Type.Literal('grpc'), with: grpc }),
    a2a: closed({ ...base, call: Type.Literal('a2a'), with: a2a }),
    asyncapi: closed({ ...base, call: Type.Literal('asyncapi'), with: asyncapi }),
  }
  const functionCall = closed({
    ...base,
    call: text,
    with: Type.Optional(anything),
  })
  return { named, functionCall, any: byValue('call', named, functionCall) }
}
