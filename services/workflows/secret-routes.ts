import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appendContext } from '../kernel/actor.ts'
import { problem } from '../kernel/problem.ts'
import { objectIn } from './authentication/policy.ts'
import { position } from './run-view.ts'
import { WorkflowSecrets, type WorkflowSecretsDeps } from './secrets.ts'

const tags = ['workflows']
const access = 'workflows:write'
const name = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,62}$' })
const origins = Type.Array(Type.String({ pattern: '^https?://[^\\s/?#@]+$', maxLength: 300 }), {
  description: 'that it may be sent to, such as https://api.example.com',
  minItems: 1,
  maxItems: 20,
})
const Params = Type.Object({ name })
const Done = Type.Object({ name, position })

/** What `use.secrets` of workflows names. */
export function workflowSecretRoutes(deps: WorkflowSecretsDeps): FastifyPluginAsyncTypebox {
  const secrets = new WorkflowSecrets(deps)
  return async (app) => {
    app.get(
      '/v1/workflow-secrets',
      {
        schema: {
          tags,
          summary: 'List the secrets of workflows',
          description: 'Their names and where they may be sent; no answer shows a value.',
          response: { 200: Type.Object({ items: Type.Array(Type.Object({ name, origins })) }) },
        },
        config: { access: 'workflows:read' },
      },
      async ({ actor }) => {
        const known = await secrets.list(actor.tenantId)
        return { items: [...known].map(([each, its]) => ({ name: each, origins: [...its] })) }
      },
    )

    app.put(
      '/v1/workflow-secrets/:name',
      {
        schema: {
          tags,
          summary: 'Store a secret for calls of workflows',
          description:
            'Encrypted; for `bearer` a token, for `basic` and `digest` the user and the password with a colon between, or a JSON object as text, for `oauth2` and `oidc` with all that the policy needs.',
          params: Params,
          body: Type.Object(
            {
              value: Type.String({ minLength: 8, maxLength: 10_000 }),
              origins,
            },
            { additionalProperties: false },
          ),
          response: { 200: Done },
        },
        config: { access },
      },
      async (request) => {
        const { value, origins: given } = request.body
        requireUsable(value)
        const wanted = given.map(originOf)
        const done = await secrets.store(appendContext(request), request.params.name, value, wanted)
        return { name: request.params.name, position: done.position.toString() }
      },
    )

    app.delete(
      '/v1/workflow-secrets/:name',
      {
        schema: {
          tags,
          summary: 'Remove a secret of workflows',
          params: Params,
          response: { 200: Done },
        },
        config: { access },
      },
      async (request) => {
        const done = await secrets.remove(appendContext(request), request.params.name)
        return { name: request.params.name, position: done.position.toString() }
      },
    )
  }
}

/** What is no JSON is sent in a header, as it is. */
function requireUsable(value: string): void {
  if (/^[\x21-\x7e]+$/.test(value) || objectIn(value) !== undefined) return
  const detail = 'must be text without blanks, in ASCII, or a JSON object'
  throw problem(422, 'invalid-parameters', 'The value can be used for nothing.', [
    { pointer: '/body/value', detail },
  ])
}

function originOf(text: string): string {
  if (URL.canParse(text)) return new URL(text).origin
  throw problem(422, 'invalid-parameters', 'An origin is a scheme, a host and perhaps a port.', [
    { pointer: '/body/origins', detail: 'must be origins such as https://api.example.com' },
  ])
}
