import { type Static, Type } from 'typebox'
import { byMember, closed, objectOr, oneOf, ref } from './schema-kit.ts'

// Parts of the Serverless Workflow DSL 1.0.3 that tasks and the document have in common
// (dsl-reference.md of serverlessworkflow/specification).

export const text = Type.String()
export const textMap = Type.Record(Type.String(), Type.String())
/** Any members. */
export const anything = Type.Record(Type.String(), Type.Unknown())
/** An object of which the standard says nothing else. */
export const anyObject = Type.Unsafe<Readonly<Record<string, unknown>>>({ type: 'object' })

export const runtimeExpression = Type.String({
  pattern: '^\\s*\\$\\{.+\\}\\s*$',
  description: 'a runtime expression, ${ … }',
})

const ABSOLUTE = '^[A-Za-z][A-Za-z0-9+\\-.]*://.*'
export const uriTemplate = Type.Unsafe<string>({
  description: 'an absolute URI or URI template',
  anyOf: [
    { type: 'string', format: 'uri-template', pattern: ABSOLUTE },
    { type: 'string', format: 'uri', pattern: ABSOLUTE },
  ],
})

const ISO_8601 =
  '^P(?!$)(\\d+(?:\\.\\d+)?Y)?(\\d+(?:\\.\\d+)?M)?(\\d+(?:\\.\\d+)?W)?(\\d+(?:\\.\\d+)?D)?(T(?=\\d)(\\d+(?:\\.\\d+)?H)?(\\d+(?:\\.\\d+)?M)?(\\d+(?:\\.\\d+)?S)?)?$'

const durationMembers = Type.Object(
  {
    days: Type.Optional(Type.Integer()),
    hours: Type.Optional(Type.Integer()),
    minutes: Type.Optional(Type.Integer()),
    seconds: Type.Optional(Type.Integer()),
    milliseconds: Type.Optional(Type.Integer()),
  },
  { additionalProperties: false, minProperties: 1 },
)
const durationSchema = objectOr(
  durationMembers,
  oneOf(
    'a duration such as PT5S, an object such as { minutes: 5 }, or a runtime expression',
    runtimeExpression,
    Type.String({ pattern: ISO_8601 }),
  ),
)
export type Duration = Static<typeof durationSchema>
export const duration = ref<Duration>('duration')

/** How `basic`, `bearer` … name a secret in place of the credentials. */
const bySecret = closed({ use: Type.String({ minLength: 1 }) })
function credentials<S extends ReturnType<typeof closed>>(inline: S) {
  return byMember('{ use: <secret> } or the credentials', { use: bySecret }, inline)
}

const oauthToken = closed({ token: text, type: text })
const oauthMembers = {
  authority: Type.Optional(uriTemplate),
  grant: Type.Optional(
    Type.Enum([
      'authorization_code',
      'client_credentials',
      'password',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ]),
  ),
  client: Type.Optional(
    closed({
      id: Type.Optional(text),
      secret: Type.Optional(text),
      assertion: Type.Optional(text),
      authentication: Type.Optional(
        Type.Enum([
          'client_secret_basic',
          'client_secret_post',
          'client_secret_jwt',
          'private_key_jwt',
          'none',
        ]),
      ),
    }),
  ),
  request: Type.Optional(
    Type.Object({
      encoding: Type.Optional(Type.Enum(['application/x-www-form-urlencoded', 'application/json'])),
    }),
  ),
  issuers: Type.Optional(Type.Array(text)),
  scopes: Type.Optional(Type.Array(text)),
  audiences: Type.Optional(Type.Array(text)),
  username: Type.Optional(text),
  password: Type.Optional(text),
  subject: Type.Optional(oauthToken),
  actor: Type.Optional(oauthToken),
}
const template = Type.Optional(Type.String({ format: 'uri-template' }))
const oauthEndpoints = Type.Optional(
  Type.Object({ token: template, revocation: template, introspection: template }),
)

/** Of `oauth2`; `oidc` has no endpoints, it is asked where they are. */
export const oauthProperties = closed({ ...oauthMembers, endpoints: oauthEndpoints })
export type OauthProperties = Static<typeof oauthProperties>

const authenticationMembers = {
  basic: credentials(closed({ username: text, password: text })),
  bearer: credentials(closed({ token: text })),
  digest: credentials(closed({ username: text, password: text })),
  oauth2: credentials(oauthProperties),
  oidc: credentials(closed(oauthMembers)),
}
const { basic, bearer, digest, oauth2, oidc } = authenticationMembers

const authenticationPolicySchema = oneOf(
  'exactly one of basic, bearer, digest, oauth2 and oidc',
  Type.Object({ basic }),
  Type.Object({ bearer }),
  Type.Object({ digest }),
  Type.Object({ oauth2 }),
  Type.Object({ oidc }),
)
/** An entry of `use.authentications`. */
export const authenticationPolicy = ref<Static<typeof authenticationPolicySchema>>('authentication')

const referenceableSchema = byMember('{ use: <name> }, basic, bearer, digest, oauth2 or oidc', {
  use: bySecret,
  basic: closed({ basic }),
  bearer: closed({ bearer }),
  digest: closed({ digest }),
  oauth2: closed({ oauth2 }),
  oidc: closed({ oidc }),
})
export const referenceableAuthentication = ref<Static<typeof referenceableSchema>>(
  'referenceableAuthentication',
)

const uriOrExpression = oneOf(
  'an absolute URI, a URI template or a runtime expression',
  runtimeExpression,
  uriTemplate,
)
const endpointSchema = objectOr(
  closed({ uri: uriOrExpression, authentication: Type.Optional(referenceableAuthentication) }),
  uriOrExpression,
)
export type Endpoint = Static<typeof endpointSchema>
export const endpoint = ref<Endpoint>('endpoint')

export const externalResource = closed({ name: Type.Optional(text), endpoint })

const schemaSchema = byMember('{ document: <schema> } or { resource: <where it is> }', {
  document: closed({ format: Type.Optional(text), document: Type.Unknown() }),
  resource: closed({ format: Type.Optional(text), resource: externalResource }),
})
export type DataSchema = Static<typeof schemaSchema>
const dataSchema = ref<DataSchema>('schema')

/** A runtime expression (it may leave `${ }` out), or an object with expressions in it. */
const transformation = Type.Unsafe<string | Readonly<Record<string, unknown>>>({
  type: ['string', 'object'],
})
export const input = closed({
  schema: Type.Optional(dataSchema),
  from: Type.Optional(transformation),
})
export const output = closed({
  schema: Type.Optional(dataSchema),
  as: Type.Optional(transformation),
})

export const timeout = closed({ after: duration })
/** The timeout or its name in `use.timeouts`. */
export const timeoutOrName = objectOr(
  timeout,
  Type.String({ description: 'a timeout, { after: <duration> }, or the name of one' }),
)

const errorSchema = closed({
  type: uriOrExpression,
  status: Type.Integer(),
  instance: Type.Optional(
    oneOf(
      'a JSON pointer or a runtime expression',
      runtimeExpression,
      Type.String({ format: 'json-pointer' }),
    ),
  ),
  title: Type.Optional(text),
  detail: Type.Optional(text),
})
export type WorkflowError = Static<typeof errorSchema>
export const error = ref<WorkflowError>('error')

export const errorFilter = Type.Object(
  {
    type: Type.Optional(text),
    status: Type.Optional(Type.Integer()),
    instance: Type.Optional(text),
    title: Type.Optional(text),
    details: Type.Optional(text),
  },
  { minProperties: 1 },
)

const retryPolicySchema = closed({
  when: Type.Optional(text),
  exceptWhen: Type.Optional(text),
  delay: Type.Optional(duration),
  backoff: Type.Optional(
    byMember('constant, linear or exponential', {
      constant: closed({ constant: anyObject }),
      linear: closed({ linear: anyObject }),
      exponential: closed({ exponential: anyObject }),
    }),
  ),
  limit: Type.Optional(
    closed({
      attempt: Type.Optional(
        closed({ count: Type.Optional(Type.Integer()), duration: Type.Optional(duration) }),
      ),
      duration: Type.Optional(duration),
    }),
  ),
  jitter: Type.Optional(closed({ from: duration, to: duration })),
})
export type RetryPolicy = Static<typeof retryPolicySchema>
export const retryPolicy = ref<RetryPolicy>('retryPolicy')

/** The parts that are referred to by name. */
export const partDefinitions = {
  duration: durationSchema,
  authentication: authenticationPolicySchema,
  referenceableAuthentication: referenceableSchema,
  endpoint: endpointSchema,
  schema: schemaSchema,
  error: errorSchema,
  retryPolicy: retryPolicySchema,
}
