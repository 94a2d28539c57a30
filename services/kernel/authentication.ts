import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import type { Access, Actor } from './actor.ts'
import { type ProblemError, problem } from './problem.ts'

/** Whoever can tell who holds a key. A rejection means "cannot tell now" and refuses the request. */
export interface Authenticator {
  /** @returns undefined when the key is malformed, unknown, revoked or expired. */
  byKey(key: string): Promise<Actor | undefined>
  /** Who reads the public catalogue without a key; undefined when no catalogue is public. */
  anonymous(): Promise<Actor | undefined>
}

const MAX_KEY_LENGTH = 256

const actors = new WeakMap<FastifyRequest, Actor>()

/**
 * Every route states its `config.access`, and nothing runs before that is satisfied: the hook
 * belongs to the matched route, so no spelling of a path goes around it.
 */
export function requireAccess(app: FastifyInstance, authenticator: Authenticator): void {
  app.decorateRequest('actor', {
    getter() {
      const actor = actors.get(this as FastifyRequest)
      if (actor === undefined) throw unauthenticated('This request has no actor.')
      return actor
    },
  })
  app.addHook('onRoute', refuseUndeclared)
  app.addHook('onRequest', async (request) => {
    if (request.is404) return
    const { access } = request.routeOptions.config
    if (access === undefined) throw new Error(`${request.routeOptions.url} states no access.`)
    if (access === 'anyone') return
    actors.set(request, await establish(authenticator, request, access))
  })
}

function refuseUndeclared({ config, method, url }: RouteOptions): void {
  const access = (config as { readonly access?: Access } | undefined)?.access
  if (access === undefined) throw new Error(`${method} ${url} does not state its config.access.`)
}

async function establish(
  authenticator: Authenticator,
  request: FastifyRequest,
  access: Exclude<Access, 'anyone'>,
): Promise<Actor> {
  const key = keyOf(request)
  if (key === undefined) {
    const anonymous =
      access === 'public-catalogue' ? await ask(authenticator.anonymous()) : undefined
    if (anonymous !== undefined) return anonymous
    throw unauthenticated('Send an API key: `Authorization: Bearer <key>`.')
  }
  const actor = await ask(authenticator.byKey(key))
  if (actor === undefined)
    throw unauthenticated('The API key is not valid: unknown, revoked or expired.')
  if (access === 'any-key') return actor
  const scope = access === 'public-catalogue' ? 'catalogue:read' : access
  if (actor.scopes.includes(scope)) return actor
  throw problem(403, 'missing-scope', `This needs an API key with the scope "${scope}".`)
}

/** What a browser can offer, as a WebSocket's subprotocol: it lets a page set no other header of the request. */
const KEY_PROTOCOL = 'tidemark.key.'

/** Only from headers: an address ends up in logs and histories. */
function keyOf({ headers }: FastifyRequest): string | undefined {
  const { authorization } = headers
  const header = headers['x-api-key'] ?? keyAmong(headers['sec-websocket-protocol'])
  if (authorization === undefined && header === undefined) return undefined
  const bearer =
    authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  const given = bearer ?? (authorization === undefined ? header : undefined)
  if (typeof given !== 'string' || given === '' || given.length > MAX_KEY_LENGTH)
    throw unauthenticated('The API key is not valid; send it as `Authorization: Bearer <key>`.')
  return given
}

function keyAmong(protocols: string | undefined): string | undefined {
  const names = protocols?.split(',').map((name) => name.trim())
  return names?.find((name) => name.startsWith(KEY_PROTOCOL))?.slice(KEY_PROTOCOL.length)
}

/** Fails closed: whatever stops the answer, it is not a yes. */
async function ask<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (cause) {
    const refusal = problem(503, 'authentication-unavailable', 'Keys cannot be checked now; retry.')
    throw Object.assign(refusal, { cause })
  }
}

function unauthenticated(detail: string): ProblemError {
  return problem(401, 'unauthenticated', detail)
}
