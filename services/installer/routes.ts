import type {
  FastifyPluginAsyncTypebox,
  FastifyPluginCallbackTypebox,
} from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { v5 as uuidOf } from 'uuid'
import { isBreaking } from '../../domain/installer/breaking.ts'
import { appendContext } from '../kernel/actor.ts'
import type { CommandContext } from '../kernel/execute.ts'
import { IdempotencyHeaders } from '../kernel/idempotency.ts'
import { InstallerCommands, type InstallerCommandsDeps, requireActive } from './commands.ts'
import { type InstallationReadsDeps, installationReads } from './read-routes.ts'
import {
  Accepted,
  Checked,
  ConfigurationBody,
  InstallBody,
  Params,
  RollbackBody,
  RolledBack,
  SecretBody,
  SecretParams,
  UpdateBody,
} from './schemas.ts'
import { checkForUpdate } from './updates.ts'

export type InstallerRoutesDeps = InstallerCommandsDeps & InstallationReadsDeps

const tags = ['installations']
const access = 'installations:write'

/** Namespace of ids that follow from an idempotency key (RFC 9562, version 5). */
const KEY_NAMESPACE = '2b8a8f0e-6d0b-4f0b-9a35-0d6f6a1b7c52'

/** A request with an idempotency key is the same command however often it comes. */
function keyed(
  request: FastifyRequest<{ Headers: Static<typeof IdempotencyHeaders> }>,
  action: string,
): CommandContext {
  const key = request.headers['idempotency-key']
  if (key === undefined) return appendContext(request)
  const commandId = uuidOf(`${request.actor.tenantId}/${action}/${key}`, KEY_NAMESPACE)
  return { ...appendContext(request), commandId }
}

/** Installing, updating, rolling back, configuring and uninstalling servers of the catalogue. */
export function installerRoutes(deps: InstallerRoutesDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    // Every member of these bodies is optional, and so is the body.
    app.addHook('preValidation', async (request) => {
      if (request.method === 'POST') request.body ??= {}
    })
    await app.register(installationReads(deps))
    await app.register(attempts(deps))
    await app.register(settings(deps))
  }
}

function attempts(deps: InstallerRoutesDeps): FastifyPluginCallbackTypebox {
  const commands = new InstallerCommands(deps)
  return (app, _options, done) => {
    app.post(
      '/v1/installations',
      {
        schema: {
          tags,
          summary: 'Install a server of the catalogue',
          description:
            'Answers at once; `GET` the location to follow the six stages. Nothing but what the catalogue entry declares can be set.',
          headers: IdempotencyHeaders,
          body: InstallBody,
          response: { 202: Accepted },
        },
        config: { access },
      },
      async (request, reply) => {
        const context = keyed(request, 'install')
        const { installationId, done } = await commands.install(context, request.body)
        reply.code(202).header('location', `/v1/installations/${installationId}`)
        return { installationId, position: done.position.toString() }
      },
    )

    app.post(
      '/v1/installations/:installationId/update',
      {
        schema: {
          tags,
          summary: 'Update to a newer version',
          description:
            'The active version stays until the new one is verified, and is kept to roll back to. A breaking update is refused unless `allowBreaking` is true. What is set stays, what the version declares anew has its default, and `configuration` gives the rest; when something is missing then, nothing starts: 422 `missing-configuration` names it.',
          headers: IdempotencyHeaders,
          params: Params,
          body: UpdateBody,
          response: { 202: Accepted },
        },
        config: { access },
      },
      async (request, reply) => {
        const { installationId } = request.params
        const context = keyed(request, `${installationId}/update`)
        const { position } = await commands.update(context, installationId, request.body)
        reply.code(202).header('location', `/v1/installations/${installationId}`)
        return { installationId, position: position.toString() }
      },
    )

    app.post(
      '/v1/installations/:installationId/check',
      {
        schema: {
          tags,
          summary: 'Look for a newer version now',
          params: Params,
          response: { 200: Checked },
        },
        config: { access },
      },
      async (request) => {
        const { installationId } = request.params
        const { state, position } = await checkForUpdate(
          deps,
          installationId,
          appendContext(request),
        )
        const { active, available } = requireActive(state)
        return {
          installationId,
          version: active.version,
          ...(available === undefined
            ? {}
            : { update: { version: available, breaking: isBreaking(active.version, available) } }),
          position: position.toString(),
        }
      },
    )

    app.post(
      '/v1/installations/:installationId/rollback',
      {
        schema: {
          tags,
          summary: 'Return to a kept version',
          description:
            'By default the version that was installed before the active one, with the configuration that it ran with. The other version is active when the answer comes.',
          params: Params,
          body: RollbackBody,
          response: { 200: RolledBack },
        },
        config: { access },
      },
      async (request) => {
        const { installationId } = request.params
        const { state, position } = await commands.rollBack(
          appendContext(request),
          installationId,
          request.body,
        )
        const { version } = requireActive(state).active
        return { installationId, version, position: position.toString() }
      },
    )

    app.delete(
      '/v1/installations/:installationId',
      {
        schema: {
          tags,
          summary: 'Uninstall',
          description: 'Its versions and secrets are deleted; its history stays.',
          params: Params,
          response: { 202: Accepted },
        },
        config: { access },
      },
      async (request, reply) => {
        const { installationId } = request.params
        const { position } = await commands.uninstall(appendContext(request), installationId)
        reply.code(202)
        return { installationId, position: position.toString() }
      },
    )
    done()
  }
}

function settings(deps: InstallerRoutesDeps): FastifyPluginCallbackTypebox {
  const commands = new InstallerCommands(deps)
  return (app, _options, done) => {
    app.put(
      '/v1/installations/:installationId/configuration',
      {
        schema: {
          tags,
          summary: 'Replace the configuration',
          description: 'Secrets stay as they are. Holds from the next start of the server.',
          params: Params,
          body: ConfigurationBody,
          response: { 200: Accepted },
        },
        config: { access },
      },
      async (request) => {
        const { installationId } = request.params
        const { position } = await commands.configure(
          appendContext(request),
          installationId,
          request.body,
        )
        return { installationId, position: position.toString() }
      },
    )

    app.put(
      '/v1/installations/:installationId/secrets/:name',
      {
        schema: {
          tags,
          summary: 'Store a secret',
          description: 'For a declared variable or header. Encrypted; no answer shows it again.',
          params: SecretParams,
          body: SecretBody,
          response: { 200: Accepted },
        },
        config: { access },
      },
      async (request) => {
        const { installationId, name } = request.params
        const { value } = request.body
        const { position } = await commands.storeSecret(
          appendContext(request),
          installationId,
          name,
          value,
        )
        return { installationId, position: position.toString() }
      },
    )

    app.delete(
      '/v1/installations/:installationId/secrets/:name',
      {
        schema: {
          tags,
          summary: 'Remove a secret',
          params: SecretParams,
          response: { 200: Accepted },
        },
        config: { access },
      },
      async (request) => {
        const { installationId, name } = request.params
        const { position } = await commands.removeSecret(
          appendContext(request),
          installationId,
          name,
        )
        return { installationId, position: position.toString() }
      },
    )
    done()
  }
}
