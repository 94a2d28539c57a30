import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ActiveVersion } from '../../domain/gateway/active-version.ts'
import type { Actor } from '../kernel/actor.ts'
import { CallAnswer, progressTokenOf, refuse, sendJson } from './call-answer.ts'
import { ServerUnavailableError } from './faults.ts'
import { type ForwardDeps, forward } from './forward.ts'
import { MODERN_VERSION, type Refusal, readInbound, refusal } from './inbound.ts'
import { errorText, type RequestId, RPC, type RpcRequest, resultText } from './json-rpc.ts'
import { type LegacySession, LegacySessions, type LegacySessionsDeps } from './legacy-sessions.ts'
import { discovery, FORWARDED_METHODS, offeredCapabilities } from './offered.ts'
import type { ServerProcesses } from './server-processes.ts'
import { Subscriptions } from './subscriptions.ts'

const LEGACY_VERSIONS = SUPPORTED_PROTOCOL_VERSIONS.filter((version) => version < MODERN_VERSION)
const NEWEST_LEGACY_VERSION = '2025-11-25'
const SESSION_HEADER = 'mcp-session-id'

export type McpEndpointDeps = ForwardDeps & {
  readonly sessions: Pick<LegacySessionsDeps, 'key' | 'ended'>
  readonly processes: Pick<ServerProcesses, 'find' | 'lease' | 'onAnnouncement'>
}

/** A body as the route's own parser hands it over. */
export type ReceivedBody = { readonly json: unknown; readonly bytes: number }

type Received = {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly actor: Actor
  readonly server: ActiveVersion
  readonly bytes: number
}

/** Streamable HTTP in both eras, for one installed server: every answer is JSON-RPC. */
export class McpEndpoint {
  readonly #deps: McpEndpointDeps
  readonly #sessions: LegacySessions
  readonly #subscriptions: Subscriptions

  constructor(deps: McpEndpointDeps) {
    this.#deps = deps
    this.#sessions = new LegacySessions({
      ...deps.sessions,
      nowMs: () => deps.now().getTime(),
    })
    this.#subscriptions = new Subscriptions(deps.processes)
  }

  async post(
    request: FastifyRequest,
    reply: FastifyReply,
    installationId: string,
    { json, bytes }: ReceivedBody,
  ): Promise<FastifyReply> {
    const { actor } = request
    const server = await this.#deps.processes.find(actor.tenantId, installationId)
    if (server === undefined) return refuse(reply, NO_SUCH_SERVER)
    const inbound = readInbound(request.headers, json)
    const received = { request, reply, actor, server, bytes }
    switch (inbound.kind) {
      case 'refused':
        return refuse(reply, inbound)
      case 'modern-notification':
        return reply.code(202).send()
      case 'modern-request':
        return this.#modern(received, inbound.request)
      case 'initialize':
        return this.#initialize(received, inbound.request)
      case 'legacy-request': {
        const session = await this.#session(request, installationId, inbound.request.id)
        if ('kind' in session) return refuse(reply, session)
        return this.#legacy(received, session, inbound.request)
      }
      case 'legacy-notification': {
        const session = await this.#session(request, installationId, null)
        if ('kind' in session) return refuse(reply, session)
        if (inbound.method === 'notifications/cancelled')
          this.#sessions.cancel(session, inbound.params.requestId as RequestId)
        return reply.code(202).send()
      }
    }
  }

  /** Opens the stream of a session. */
  async get(
    request: FastifyRequest,
    reply: FastifyReply,
    installationId: string,
  ): Promise<FastifyReply> {
    if (!request.headers.accept?.includes('text/event-stream'))
      return refuse(reply, invalid(406, null, 'Accept must include text/event-stream.'))
    const session = await this.#session(request, installationId, null)
    if ('kind' in session) return refuse(reply, session)
    if (this.#sessions.hasStream(session))
      return refuse(reply, invalid(409, null, 'This session has a stream already.'))
    const { actor } = request
    if (this.#subscriptions.isFull(actor)) return refuse(reply, TOO_MANY_STREAMS)
    this.#sessions.attach(session, (closed) =>
      this.#subscriptions.openSessionStream(actor, installationId, reply, closed),
    )
    return reply
  }

  /** Ends a session. */
  async delete(
    request: FastifyRequest,
    reply: FastifyReply,
    installationId: string,
  ): Promise<FastifyReply> {
    const session = await this.#session(request, installationId, null)
    if ('kind' in session) return refuse(reply, session)
    await this.#sessions.end(session)
    return reply.code(204).send()
  }

  /** Ends every stream that has no end of its own; calls go on to theirs. */
  close(): void {
    this.#subscriptions.close()
  }

  async #modern(received: Received, request: RpcRequest): Promise<FastifyReply> {
    const { reply, actor, server } = received
    if (request.method === 'server/discover')
      return this.#describe(received, request, (identity) => discovery(identity))
    if (request.method === 'subscriptions/listen') {
      if (this.#subscriptions.isFull(actor)) return refuse(reply, TOO_MANY_STREAMS)
      const error = this.#subscriptions.listen(actor, server.installationId, request, reply)
      return error === undefined ? reply : sendJson(reply, 400, errorText(request.id, error))
    }
    if (!FORWARDED_METHODS.has(request.method)) return refuse(reply, unknownMethod(request, 404))
    const gone = new AbortController()
    // Closing the response is how a client of this era cancels.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort()
    })
    return this.#forward(received, request, 'modern', gone.signal)
  }

  async #initialize(received: Received, request: RpcRequest): Promise<FastifyReply> {
    const { protocolVersion: asked } = request.params
    if (typeof asked !== 'string')
      return refuse(received.reply, {
        ...invalid(400, request.id, 'params.protocolVersion must be a string.'),
        error: { code: RPC.invalidParams, message: 'params.protocolVersion must be a string.' },
      })
    const protocolVersion = LEGACY_VERSIONS.includes(asked) ? asked : NEWEST_LEGACY_VERSION
    return this.#describe(received, request, (identity) => {
      const { actor, server, reply } = received
      reply.header(SESSION_HEADER, this.#sessions.open(actor, server.installationId))
      const { serverInfo, instructions } = identity
      return {
        protocolVersion,
        capabilities: offeredCapabilities(identity),
        serverInfo,
        ...(instructions === undefined ? {} : { instructions }),
      }
    })
  }

  /** Answers out of what the running server said about itself. */
  async #describe(
    { reply, actor, server }: Received,
    { id }: RpcRequest,
    describe: (identity: Parameters<typeof discovery>[0]) => Readonly<Record<string, unknown>>,
  ): Promise<FastifyReply> {
    try {
      const lease = await this.#deps.processes.lease(actor.tenantId, server)
      lease.release()
      return sendJson(reply, 200, resultText(id, describe(lease.upstream.identity)))
    } catch (error) {
      if (!(error instanceof ServerUnavailableError)) throw error
      const { code, message } = error
      return sendJson(
        reply,
        200,
        errorText(id, { code: RPC.internalError, message, data: { code } }),
      )
    }
  }

  async #legacy(
    received: Received,
    session: LegacySession,
    request: RpcRequest,
  ): Promise<FastifyReply> {
    const { reply } = received
    if (request.method === 'ping') return sendJson(reply, 200, resultText(request.id, {}))
    if (!FORWARDED_METHODS.has(request.method)) return refuse(reply, unknownMethod(request, 200))
    return this.#sessions.during(session, request.id, (cancelled) =>
      this.#forward(received, request, 'legacy', cancelled),
    )
  }

  async #forward(
    { request: http, reply, actor, server, bytes }: Received,
    request: RpcRequest,
    era: 'modern' | 'legacy',
    signal: AbortSignal,
  ): Promise<FastifyReply> {
    const answer = new CallAnswer(http, reply)
    const token = progressTokenOf(request)
    const { status, text } = await forward(this.#deps, {
      caller: { tenantId: actor.tenantId, actorId: actor.actorId },
      server,
      request,
      requestBytes: bytes,
      era,
      signal,
      ...(token === undefined ? {} : { onProgress: (news) => answer.progress(token, news) }),
    })
    answer.finish(status, text)
    return reply
  }

  /** The caller's own session, or why there is none. */
  async #session(
    { headers, actor }: FastifyRequest,
    installationId: string,
    id: RequestId | null,
  ): Promise<LegacySession | Refusal> {
    const sessionId = headers[SESSION_HEADER]
    if (typeof sessionId !== 'string' || sessionId === '')
      return invalid(400, id, 'Mcp-Session-Id is missing; initialize first.')
    const version = headers['mcp-protocol-version']
    if (version !== undefined && !LEGACY_VERSIONS.includes(String(version)))
      return invalid(400, id, 'MCP-Protocol-Version is not supported in a session.')
    const session = await this.#sessions.find(sessionId, actor, installationId)
    return session ?? invalid(404, id, 'There is no such session; initialize again.')
  }
}

const NO_SUCH_SERVER = refusal(404, null, {
  code: RPC.invalidRequest,
  message: 'No server is installed under this id.',
  data: { code: 'unknown-installation' },
})

const TOO_MANY_STREAMS = refusal(429, null, {
  code: RPC.internalError,
  message: 'This caller has too many open streams.',
  data: { code: 'too-many-streams' },
})

function invalid(status: number, id: RequestId | null, message: string): Refusal {
  return refusal(status, id, { code: RPC.invalidRequest, message })
}

function unknownMethod({ id }: RpcRequest, status: number): Refusal {
  return refusal(status, id, { code: RPC.methodNotFound, message: 'Method not found' })
}
