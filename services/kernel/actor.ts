import type { FastifyRequest } from 'fastify'
import type { Scope } from '../../domain/identity/scopes.ts'
import { DEFAULT_TENANT } from '../../domain/identity/tenant.ts'
import type { AppendContext } from '../ports/event-store.ts'
import { problem } from './problem.ts'

/** Who is calling, as the auth hook established it from the verified API key and from nothing else. */
export type Actor = {
  readonly tenantId: string
  readonly actorId: string
  readonly scopes: readonly Scope[]
}

/**
 * Who may use a route: `anyone` without a key; `public-catalogue` without a key where the
 * operator made the default tenant's catalogue public, else like `catalogue:read`; the holders
 * of `any-key`; or the holders of a scope.
 */
export type Access = 'anyone' | 'public-catalogue' | 'any-key' | Scope

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor
  }
  interface FastifyContextConfig {
    /** Every route states it; a route without it stops the start. */
    access?: Access
  }
}

/** What every event appended for this request carries in its metadata. */
export function appendContext({ actor, id }: FastifyRequest): AppendContext {
  return {
    tenantId: actor.tenantId,
    actorId: actor.actorId,
    correlationId: id,
    causationId: id,
  }
}

/** Operates the server: its keys may see what spans all tenants, and what belongs to no tenant is its. */
export const OPERATING_TENANT = DEFAULT_TENANT

export function isOperator({ tenantId }: Pick<Actor, 'tenantId'>): boolean {
  return tenantId === OPERATING_TENANT
}

/** @throws {ProblemError} 403 `operator-only` when it is another tenant's key. */
export function requireOperator(actor: Pick<Actor, 'tenantId'>): void {
  if (isOperator(actor)) return
  throw problem(
    403,
    'operator-only',
    'Only keys of the default tenant, which operates this server, may see all tenants.',
  )
}
