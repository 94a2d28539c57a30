import type { FastifyCorsOptions } from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { problem } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Set for the public catalogue's routes only; `@fastify/cors` reads it. */
    cors?: FastifyCorsOptions
  }
}

export type OriginPolicy = {
  /** Host names, without port, that this server answers for; undefined = every name. */
  readonly allowedHosts?: readonly string[]
  /**
   * What pages of this server are at (`https://host[:port]`) when a proxy in front of it changes
   * `Host`. No CORS: but for the public catalogue, pages of other sites cannot read its answers.
   */
  readonly allowedOrigins?: readonly string[]
}

/** What a server bound to loopback is called by programs that mean it. */
export const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'] as const

/**
 * Against DNS rebinding and foreign pages: a page of another site can make a browser send
 * requests here, but not with our name in `Host`, nor without its own in `Origin`.
 */
export function refuseForeignCallers(app: FastifyInstance, policy: OriginPolicy): void {
  const hosts = policy.allowedHosts === undefined ? undefined : new Set(policy.allowedHosts)
  const origins = new Set(policy.allowedOrigins)
  app.addHook('onRequest', async (request) => {
    // Node takes the first; what is in front of this server may have taken the last.
    if ((request.raw.headersDistinct?.host?.length ?? 0) > 1)
      throw problem(400, 'ambiguous-host', 'The request has more than one `Host`.')
    if (hosts !== undefined && !hosts.has(hostNameOf(request)))
      throw problem(421, 'unknown-host', 'This server does not answer for the name in `Host`.')
    const { origin } = request.headers
    if (origin === undefined || isOpen(request) || origins.has(origin)) return
    if (!isOwnOrigin(origin, request.headers.host))
      throw problem(403, 'foreign-origin', 'Pages of this origin may not call this server.')
  })
}

/** The public catalogue is for every page, and CORS says so. */
function isOpen({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.cors !== undefined
}

function hostNameOf({ headers }: FastifyRequest): string {
  return (headers.host ?? '').toLowerCase().replace(/:\d{1,5}$/, '')
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
}
