import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { TENANT_ID_PATTERN } from '../../domain/kernel/ids.ts'
import { eventSubject } from '../ports/message-bus.ts'
import {
  busMessage,
  currentVersions,
  eventVersions,
  jsonMessage,
  messages,
  POSITION_MESSAGE,
  schemas,
  webhookMessages,
} from './async-api-messages.ts'
import { EventQuery } from './event-query.ts'

type Json = Readonly<Record<string, unknown>>

const query = Type.Object(EventQuery)
const jsonMessages = currentVersions.map(jsonMessage)

/** Every way in which events leave Tidemark, made of the schemas that they are stored with. */
export function asyncApi(version: string): Json {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tidemark events',
      version,
      description:
        'Every event of the log, as CloudEvents 1.0, with its position. The guarantees are in ' +
        'docs/subscribing.md; pages of events are `GET /v1/events` of /openapi.json.',
    },
    defaultContentType: 'application/json',
    servers: {
      nats: server('nats', '127.0.0.1:4222', 'NATS with JetStream: stream `TIDEMARK`.'),
      http: server('http', '127.0.0.1:7420', 'The address of Tidemark.', true),
      websocket: server('ws', '127.0.0.1:7420', 'The address of Tidemark.', true),
    },
    channels: {
      ...Object.fromEntries(currentVersions.map(({ type }) => [type, busChannel(type)] as const)),
      stream: {
        address: '/v1/events/stream',
        servers: [{ $ref: '#/servers/http' }],
        title: 'Server-sent events',
        description: 'The position is the `id` of each; `Last-Event-ID` resumes after it.',
        messages: messageRefs(jsonMessages),
      },
      socket: {
        address: '/v1/events/socket',
        servers: [{ $ref: '#/servers/websocket' }],
        title: 'WebSocket',
        description: 'Subprotocol `cloudevents.json`; clients send no messages.',
        messages: messageRefs([...jsonMessages, POSITION_MESSAGE]),
        bindings: { ws: { method: 'GET', query } },
      },
      webhook: {
        address: null,
        title: 'Webhook',
        description: 'A POST to the address that was registered, signed as Standard Webhooks.',
        messages: messageRefs(webhookMessages),
      },
    },
    operations: {
      ...Object.fromEntries(
        currentVersions.map(({ type }) => [`publish${type}`, sends(type)] as const),
      ),
      streamEvents: { ...sends('stream'), bindings: { http: { method: 'GET', query } } },
      sendEvents: sends('socket'),
      callWebhook: { ...sends('webhook'), bindings: { http: { method: 'POST' } } },
    },
    components: {
      messages: messages(),
      schemas: schemas(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key with `audit:read`.' },
      },
    },
  }
}

function server(protocol: string, host: string, description: string, hasKey = false): Json {
  return {
    ...{ protocol, description },
    host: '{host}',
    variables: { host: { default: host } },
    ...(hasKey ? { security: [{ $ref: '#/components/securitySchemes/bearer' }] } : {}),
  }
}

/** Messages of earlier versions can be on the stream from before an update. */
function busChannel(type: string): Json {
  return {
    address: eventSubject(type, '{tenant}'),
    servers: [{ $ref: '#/servers/nats' }],
    title: type,
    parameters: { tenant: { description: `Tenant; matches ${TENANT_ID_PATTERN}.` } },
    messages: messageRefs(eventVersions.filter((each) => each.type === type).map(busMessage)),
  }
}

function messageRefs(names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]))
}

function sends(channel: string): Json {
  return { action: 'send', channel: { $ref: `#/channels/${channel}` } }
}

export function asyncApiRoute(version: string): FastifyPluginAsyncTypebox {
  const document = JSON.stringify(asyncApi(version))
  return async (app) => {
    app.get(
      '/asyncapi.json',
      { schema: { hide: true }, config: { access: 'anyone' } },
      async (_request, reply) => reply.type('application/json').send(document),
    )
  }
}
