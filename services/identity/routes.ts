import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import { apiKey, apiKeyStream } from '../../domain/identity/api-key.ts'
import type { IdentityEvent } from '../../domain/identity/events.ts'
import { SCOPES } from '../../domain/identity/scopes.ts'
import { tenant, tenantStream } from '../../domain/identity/tenant.ts'
import type { Decider } from '../../domain/kernel/decider.ts'
import { subjectId } from '../../domain/kernel/personal.ts'
import {
  type ApiKeyRow,
  type ApiKeysTables,
  apiKeys,
  findKeyOfAnyTenant,
  listApiKeys,
} from '../../projections/identity/api-keys.ts'
import {
  hasPublicCatalogue,
  type TenantsTables,
  tenants,
} from '../../projections/identity/tenants.ts'
import { appendContext } from '../kernel/actor.ts'
import { execute } from '../kernel/execute.ts'
import { decodeCursor, PageQuery, pageOf } from '../kernel/page.ts'
import type { ApiKeys } from '../ports/api-keys.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { ReadFreshness } from '../ports/read-freshness.ts'

/** Long enough for every healthy read side; otherwise the answer says that the change is not in effect. */
const EFFECT_TIMEOUT_MS = 2_000

export type IdentityDeps = {
  readonly store: EventStore
  readonly db: Kysely<ApiKeysTables & TenantsTables>
  readonly apiKeys: ApiKeys
  readonly freshness: ReadFreshness
  readonly now: () => Date
}

const instant = Type.String({ format: 'date-time' })
const scopes = Type.Array(Type.Enum(SCOPES), {
  minItems: 1,
  maxItems: SCOPES.length,
})
const position = Type.String({ description: 'position of the command in the log, decimal' })
const KeyParams = Type.Object({ keyId: Type.String({ pattern: '^[0-9a-f]{16}$' }) })
const NewKey = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    owner: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 300,
        description: 'who has it: a name or an address',
      }),
    ),
    subjectId: Type.Optional(subjectId),
    scopes,
    expiresAt: Type.Optional(instant),
  },
  { additionalProperties: false },
)
const Key = {
  keyId: Type.String(),
  subjectId: Type.Optional(subjectId),
  name: Type.String(),
  owner: Type.Optional(Type.String()),
  scopes,
  issuedAt: instant,
  expiresAt: Type.Optional(instant),
}
const IssuedKey = Type.Object({
  ...Key,
  key: Type.String({ description: 'the key itself: shown now and never again' }),
  position,
  inEffect: Type.Boolean({
    description: 'false: it works once the read models, which are behind or stand still, follow',
  }),
})
const ListedKey = Type.Object({
  ...Key,
  issuedBy: Type.String(),
  revokedAt: Type.Optional(instant),
})
const Whoami = Type.Object({ tenantId: Type.String(), actorId: Type.String(), scopes })
const Visibility = Type.Object(
  { visibility: Type.Union([Type.Literal('public'), Type.Literal('private')]) },
  { additionalProperties: false },
)
const Changed = Type.Object({
  position,
  inEffect: Type.Boolean({
    description: 'false, with status 202: it is recorded, but the old state still counts',
  }),
})

/** API keys and what holds for a whole tenant. */
export function identityRoutes(deps: IdentityDeps): FastifyPluginAsyncTypebox {
  const tags = ['identity']

  async function change<State, Command, Event extends IdentityEvent, Code extends string>(
    request: FastifyRequest,
    decider: Decider<State, Command, Event, Code>,
    stream: string,
    command: Command,
  ): Promise<{ readonly position: string; readonly reached: boolean }> {
    const { position } = await execute(deps.store, decider, stream, command, appendContext(request))
    // Keys are looked up in a read model: whoever has the answer can use the new key at once.
    const names = [apiKeys.name, tenants.name]
    const reached = await deps.freshness.waitFor(position, EFFECT_TIMEOUT_MS, names)
    return { position: position.toString(), reached }
  }

  async function isKnown(keyId: string): Promise<boolean> {
    return (await findKeyOfAnyTenant(deps.db, keyId)) !== undefined
  }

  /** Not by position alone: a read model that stands still is one that says otherwise. */
  async function isRevoked(keyId: string): Promise<boolean> {
    const row = await findKeyOfAnyTenant(deps.db, keyId)
    return row !== undefined && row.revoked_at !== null
  }

  return async (app) => {
    app.get(
      '/v1/whoami',
      {
        schema: { tags, summary: 'Whose key this is', response: { 200: Whoami } },
        config: { access: 'any-key' },
      },
      async ({ actor }) => ({ ...actor, scopes: [...actor.scopes] }),
    )

    app.post(
      '/v1/keys',
      {
        schema: {
          tags,
          summary: 'Issue an API key',
          description:
            'The key can do no more than the one that issues it. `name` and `owner` are kept as data ' +
            'of a person, `subjectId`: a new one, unless the request names one that has keys already.',
          body: NewKey,
          response: { 201: IssuedKey },
        },
        config: { access: 'keys:write' },
      },
      async (request, reply) => {
        const { name, owner, scopes: asked, expiresAt } = request.body
        const person = request.body.subjectId ?? randomUuid()
        const issuedAt = deps.now().toISOString()
        const { keyId, key, secretHash } = deps.apiKeys.create()
        const stream = apiKeyStream(request.actor.tenantId, keyId)
        const { position: at, reached } = await change(request, apiKey, stream, {
          type: 'IssueApiKey',
          keyId,
          secretHash,
          subjectId: person,
          name,
          owner,
          scopes: asked,
          expiresAt,
          heldScopes: request.actor.scopes,
          now: issuedAt,
        })
        const inEffect = reached || (await isKnown(keyId))
        reply.code(201).header('cache-control', 'no-store').header('location', `/v1/keys/${keyId}`)
        return {
          ...{
            keyId,
            key,
            subjectId: person,
            name,
            scopes: asked,
            issuedAt,
            position: at,
            inEffect,
          },
          ...(owner === undefined ? {} : { owner }),
          ...(expiresAt === undefined ? {} : { expiresAt }),
        }
      },
    )

    app.get(
      '/v1/keys',
      {
        schema: {
          tags,
          summary: 'List API keys, without their secrets',
          querystring: Type.Object(PageQuery),
          response: {
            200: Type.Object({
              items: Type.Array(ListedKey),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
        config: { access: 'keys:write' },
      },
      async ({ actor, query: { limit = 30, cursor } }) => {
        const [after] = cursor === undefined ? [] : decodeCursor(cursor, 1)
        const rows = await listApiKeys(deps.db, actor.tenantId, { limit: limit + 1, after })
        return pageOf(rows, limit, listed, ({ key_id }) => [key_id])
      },
    )

    app.delete(
      '/v1/keys/:keyId',
      {
        schema: {
          tags,
          summary: 'Revoke an API key',
          description:
            'Revoking it again changes nothing. With 200 the key works no later than one second ' +
            'after; with 202 (the read models are behind or stand still) it still works: ask again.',
          params: KeyParams,
          response: { 200: Changed, 202: Changed },
        },
        config: { access: 'keys:write' },
      },
      async (request, reply) => {
        const now = deps.now().toISOString()
        const { keyId } = request.params
        const stream = apiKeyStream(request.actor.tenantId, keyId)
        const { position: at } = await change(request, apiKey, stream, {
          type: 'RevokeApiKey',
          now,
        })
        return changed(reply, at, await isRevoked(keyId))
      },
    )

    app.put(
      '/v1/tenant/catalogue-visibility',
      {
        schema: {
          tags,
          summary: 'Let the catalogue be read without a key, or not',
          description:
            'Requests without a key see the default tenant only. With 200 it counts no later than ' +
            'one second after; with 202 (the read models are behind or stand still) not yet.',
          body: Visibility,
          response: { 200: Changed, 202: Changed },
        },
        config: { access: 'keys:write' },
      },
      async (request, reply) => {
        const now = deps.now().toISOString()
        const { visibility } = request.body
        const stream = tenantStream(request.actor.tenantId)
        const { position: at } = await change(request, tenant, stream, {
          type: 'ChangeCatalogueVisibility',
          visibility,
          now,
        })
        const isPublic = await hasPublicCatalogue(deps.db, request.actor.tenantId)
        return changed(reply, at, isPublic === (visibility === 'public'))
      },
    )
  }
}

function changed(reply: FastifyReply, position: string, inEffect: boolean) {
  reply.code(inEffect ? 200 : 202)
  return { position, inEffect }
}

function listed(row: ApiKeyRow) {
  return {
    keyId: row.key_id,
    ...(row.subject_id === null ? {} : { subjectId: row.subject_id }),
    name: row.name,
    ...(row.owner === null ? {} : { owner: row.owner }),
    scopes: [...row.scopes],
    issuedBy: row.issued_by,
    issuedAt: row.issued_at.toISOString(),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at.toISOString() }),
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at.toISOString() }),
  }
}
