import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifySchema, RouteOptions } from 'fastify'
import { type TSchema, Type } from 'typebox'
import type { Access } from './actor.ts'
import { takesAtLeast } from './at-least.ts'
import { DOCS_PREFIX, type HttpApp } from './http-app.ts'

/** Everything that the page loads comes from this server: nothing else is let in. */
const DOCS_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const ProblemDocument = Type.Object(
  {
    type: Type.String({ format: 'uri' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'one sentence for a person' }),
    code: Type.String({ description: 'stable; what programs branch on' }),
    instance: Type.String({ format: 'uri' }),
    traceId: Type.String({ description: 'correlation id of the request, as in the logs' }),
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), detail: Type.String() })),
    ),
  },
  { $id: 'Problem', description: 'RFC 9457 problem document' },
)

const problemResponse = {
  description: 'Refused, or failed: a problem document.',
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
}

const atLeast = {
  atLeast: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,19}$',
      description: 'Wait until the answer holds everything up to this position of the log.',
    }),
  ),
  atLeastTimeoutMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 30_000, default: 5_000 })),
}

/** `/openapi.json` and `/docs`, made of the schemas of every route that is registered after this. */
export async function describeApi(app: HttpApp, version: string): Promise<void> {
  app.addSchema(ProblemDocument)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tidemark',
        version,
        description:
          'Event-sourced control plane for MCP servers. Every command answers with the position ' +
          'of its event in the log; a read takes it as `atLeast` and then shows its effect.',
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
    },
    transform: ({ schema, url, route }) => ({ schema: describe(schema, route), url }),
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? i) },
  })
  await app.register(swaggerUi, {
    routePrefix: DOCS_PREFIX,
    staticCSP: DOCS_CSP,
    uiConfig: { validatorUrl: null, docExpansion: 'none' },
    validatorUrl: false,
    theme: { title: 'Tidemark API' },
  })
  app.get('/openapi.json', { schema: { hide: true }, config: { access: 'anyone' } }, async () =>
    app.swagger(),
  )
}

function describe(schema: FastifySchema | undefined, route: RouteOptions): FastifySchema {
  const access: Access | undefined = route.config?.access
  const response = { ...(schema?.response as object | undefined), default: problemResponse }
  const described: FastifySchema = { ...schema, response, security: securityOf(access) }
  if (access !== undefined) described.description = withAccess(schema?.description, access)
  const methods = [route.method].flat()
  if (methods.includes('GET') && takesAtLeast('GET', route.url))
    described.querystring = withAtLeast(schema?.querystring as TSchema | undefined)
  return described
}

function securityOf(access: Access | undefined): { [scheme: string]: string[] }[] {
  const key = [{ bearer: [] }, { apiKey: [] }]
  if (access === 'anyone') return []
  return access === 'public-catalogue' ? [{}, ...key] : key
}

function withAccess(description: string | undefined, access: Access): string {
  const needs: Partial<Record<Access, string>> = {
    anyone: 'Needs no API key.',
    'any-key': 'Needs an API key.',
    'public-catalogue':
      'Needs no API key where the catalogue is public, else one with `catalogue:read`.',
  }
  const sentence = needs[access] ?? `Needs an API key with \`${access}\`.`
  return description === undefined ? sentence : `${description}\n\n${sentence}`
}

function withAtLeast(querystring: TSchema | undefined): object {
  const properties = (querystring as { properties?: object } | undefined)?.properties
  return { type: 'object', ...querystring, properties: { ...properties, ...atLeast } }
}
