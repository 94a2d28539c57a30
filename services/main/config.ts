import path from 'node:path'
import { Ajv, type ErrorObject } from 'ajv'
import { type Static, Type } from 'typebox'

/** What a process can do; by default it does everything. */
export const ROLES = ['api', 'gateway', 'relay', 'projector', 'reactors', 'jobs'] as const
export type Role = (typeof ROLES)[number]

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** Each variable's description ends the sentence that a wrong value is answered with. */
const text = (pattern: string, description: string) => Type.String({ pattern, description })
const flag = (description: string) =>
  Type.Optional(Type.Enum(['0', '1'], { description: `must be 1 or 0: ${description}` }))
const list = (item: string) => `^${item}(,${item})*$`

/** Load balancers look this often, or are told. */
const DEFAULT_DRAIN_DELAY_MS = 1_000

const POSTGRES = '^postgres(ql)?://[^\\s]+$'
const POSTGRES_FORM = 'must be an address of the form postgres://user:password@host:port/database'
const ROLE = `(${ROLES.join('|')})`

/** Every environment variable that the program reads. */
const Environment = Type.Object({
  DATABASE_URL: text(POSTGRES, POSTGRES_FORM),
  DATABASE_OWNER_URL: Type.Optional(text(POSTGRES, POSTGRES_FORM)),
  NATS_URL: text('^(nats|tls)://[^\\s]+$', 'must be an address of the form nats://host:port'),
  EVENTSTORE_URL: Type.Optional(
    text('^esdb(\\+discover)?://[^\\s]+$', 'must be an address of the form esdb://host:port'),
  ),
  DATA_DIR: Type.Optional(text('^[^\\u0000]+$', 'must be a directory')),
  HOST: Type.Optional(text('^[A-Za-z0-9.:_-]+$', 'must be an address to listen on')),
  PORT: Type.Optional(
    text('^(0|[1-9][0-9]{0,4})$', 'must be a port number from 0 (any free one) to 65535'),
  ),
  TIDEMARK_ROLES: Type.Optional(
    text(list(ROLE), `must be a list of ${ROLES.join(', ')}, with commas`),
  ),
  DRAIN_DELAY_MS: Type.Optional(
    text('^(0|[1-9][0-9]{0,4})$', 'must be a number of milliseconds from 0 to 99999'),
  ),
  SANDBOX: Type.Optional(
    Type.Enum(['auto', 'none'], {
      description: 'must be auto, or none to run installed servers without a sandbox',
    }),
  ),
  BWRAP_BIN: Type.Optional(text('^/', 'must be the absolute path of bubblewrap')),
  PUBLIC_CATALOGUE: flag('whether the first start lets everybody read the catalogue'),
  METRICS_PUBLIC: flag('whether /metrics answers without an API key'),
  REGISTRY_FILE_ROOTS: Type.Optional(
    text('^/', 'must be absolute directories that snapshots may be read from, with colons'),
  ),
  ALLOW_PRIVATE_UPSTREAMS: flag('whether sources and servers may be on private addresses'),
  ALLOW_PRIVATE_WEBHOOKS: flag('whether webhooks may be on private addresses, and over http'),
  ALLOW_PRIVATE_CALLS: flag('whether workflows may call private addresses'),
  ALLOWED_HOSTS: Type.Optional(
    text(list('[a-z0-9.:\\[\\]-]+'), 'must be host names that clients use, with commas'),
  ),
  ALLOWED_ORIGINS: Type.Optional(
    text(
      list('https?://[^,\\s/]+'),
      'must be the origins such as https://host that proxies show this server at, with commas',
    ),
  ),
  LOG_DIR: Type.Optional(text('^[^\\u0000]+$', 'must be a directory of this process alone')),
  FEED_CLIENTS: Type.Optional(
    text('^[1-9][0-9]{0,5}$', 'must be how many clients may follow the events of this process'),
  ),
  FEED_CLIENTS_PER_KEY: Type.Optional(
    text('^[1-9][0-9]{0,5}$', 'must be how many clients may follow the events with one API key'),
  ),
  LOG_LEVEL: Type.Optional(
    Type.Enum(LOG_LEVELS, { description: `must be one of ${LOG_LEVELS.join(', ')}` }),
  ),
})

/** Where the data are: all that is needed of a program that serves nothing. */
export type DataConfig = {
  readonly databaseUrl: string
  /** Undefined = the log is in Postgres. */
  readonly eventStoreUrl: string | undefined
  /** Absolute. */
  readonly dataDirectory: string
}

export type Config = DataConfig & {
  /** Migrates at the start when given. */
  readonly databaseOwnerUrl: string | undefined
  readonly natsUrl: string
  readonly host: string
  /** 0 = any free one. */
  readonly port: number
  readonly roles: ReadonlySet<Role>
  /** Between saying that it is not ready and taking no connections any more. */
  readonly drainDelayMs: number
  readonly sandbox: 'auto' | 'none'
  readonly bubblewrap: string | undefined
  readonly publicCatalogue: boolean
  readonly metricsPublic: boolean
  readonly registryFileRoots: readonly string[]
  readonly allowPrivateUpstreams: boolean
  readonly allowPrivateWebhooks: boolean
  readonly allowPrivateCalls: boolean
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  /** Absolute; undefined = standard output. */
  readonly logDirectory: string | undefined
  readonly feedClients: number
  readonly feedClientsPerKey: number
  readonly logLevel: (typeof LOG_LEVELS)[number]
}

/** The message is a line for each variable that is wrong; never a value, because some are secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const DataEnvironment = Type.Pick(Environment, ['DATABASE_URL', 'EVENTSTORE_URL', 'DATA_DIR'])

const ajv = new Ajv({ allErrors: true, strict: false })
const validate = ajv.compile<Static<typeof Environment>>(Environment)
const validateData = ajv.compile<Static<typeof DataEnvironment>>(DataEnvironment)

/** What the command line says; it wins over the environment. */
export type ConfigFlags = { readonly roles?: string }

/** @throws {ConfigError} */
export function readConfig(environment: NodeJS.ProcessEnv, flags: ConfigFlags = {}): Config {
  const given = validated(environment, flags)
  if (Number(given.PORT ?? 0) > 65_535) throw new ConfigError('PORT must be at most 65535.')
  return {
    ...dataConfigOf(given),
    databaseOwnerUrl: given.DATABASE_OWNER_URL,
    natsUrl: given.NATS_URL,
    host: given.HOST ?? '127.0.0.1',
    port: Number(given.PORT ?? 7420),
    roles: new Set(rolesOf(given.TIDEMARK_ROLES)),
    drainDelayMs: Number(given.DRAIN_DELAY_MS ?? DEFAULT_DRAIN_DELAY_MS),
    sandbox: given.SANDBOX ?? 'auto',
    bubblewrap: given.BWRAP_BIN,
    publicCatalogue: given.PUBLIC_CATALOGUE === '1',
    metricsPublic: given.METRICS_PUBLIC === '1',
    registryFileRoots: given.REGISTRY_FILE_ROOTS?.split(':') ?? [],
    allowPrivateUpstreams: given.ALLOW_PRIVATE_UPSTREAMS === '1',
    allowPrivateWebhooks: given.ALLOW_PRIVATE_WEBHOOKS === '1',
    allowPrivateCalls: given.ALLOW_PRIVATE_CALLS === '1',
    allowedHosts: given.ALLOWED_HOSTS?.split(',') ?? [],
    allowedOrigins: given.ALLOWED_ORIGINS?.split(',') ?? [],
    logDirectory: given.LOG_DIR && path.resolve(given.LOG_DIR),
    feedClients: Number(given.FEED_CLIENTS ?? 10_000),
    feedClientsPerKey: Number(given.FEED_CLIENTS_PER_KEY ?? 100),
    logLevel: given.LOG_LEVEL ?? 'info',
  }
}

/** @throws {ConfigError} */
export function readDataConfig(environment: NodeJS.ProcessEnv): DataConfig {
  const given = presentIn(environment)
  if (validateData(given)) return dataConfigOf(given)
  throw new ConfigError(sentences(validateData.errors ?? []).join('\n'))
}

function dataConfigOf(given: Static<typeof DataEnvironment>): DataConfig {
  return {
    databaseUrl: given.DATABASE_URL,
    eventStoreUrl: given.EVENTSTORE_URL,
    dataDirectory: path.resolve(given.DATA_DIR ?? '.data'),
  }
}

function presentIn(environment: NodeJS.ProcessEnv): object {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => (value ?? '') !== ''))
}

function validated(
  environment: NodeJS.ProcessEnv,
  { roles }: ConfigFlags,
): Static<typeof Environment> {
  const given: unknown = {
    ...presentIn(environment),
    ...(roles === undefined ? {} : { TIDEMARK_ROLES: roles }),
  }
  if (validate(given)) return given
  const wrong = sentences(validate.errors ?? []).join('\n')
  throw new ConfigError(roles === undefined ? wrong : wrong.replace('TIDEMARK_ROLES', '--roles'))
}

function rolesOf(list: string | undefined): readonly Role[] {
  return list === undefined ? ROLES : ROLES.filter((role) => list.split(',').includes(role))
}

const rules = new Map(
  Object.entries<{ readonly '~kind': string; readonly description?: string }>(
    Environment.properties,
  ).map(([name, { description }]) => [name, description]),
)

function sentences(errors: readonly ErrorObject[]): string[] {
  const found = errors.map(({ instancePath, keyword, params }) => {
    const name = keyword === 'required' ? String(params.missingProperty) : instancePath.slice(1)
    const rule = rules.get(name) ?? 'is wrong'
    return keyword === 'required' ? `${name} is not set: it ${rule}.` : `${name} ${rule}.`
  })
  return [...new Set(found)]
}
