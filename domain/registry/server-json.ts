import { type TProperties, type TSchema, Type } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'

// The rules that the published server.json formats have in common, in our own words, and where
// the formats differ. An entry that breaks the rules of the format that it names is kept and flagged.

const MAX_PROBLEMS = 20
const MAX_PROBLEM_LENGTH = 500

/** Published formats, oldest first; an entry names one in `$schema`. */
const FORMATS = [
  '2025-07-09',
  '2025-09-16',
  '2025-09-29',
  '2025-10-11',
  '2025-10-17',
  '2025-12-11',
] as const
type Format = (typeof FORMATS)[number]

const FORMAT_ADDRESS =
  /^https:\/\/static\.modelcontextprotocol\.io\/schemas\/(\d{4}-\d{2}-\d{2})\/server\.schema\.json$/

const text = Type.String()
const uri = Type.String({ format: 'uri' })

/** Members that may be there, of the given kind when they are; other members are allowed. */
function object(required: TProperties, optional: TProperties = {}): TSchema {
  const all = Object.entries(optional).map(([name, kind]) => [name, Type.Optional(kind)] as const)
  return Type.Object({ ...required, ...Object.fromEntries(all) })
}

function oneOf(...values: readonly string[]): TSchema {
  return Type.Union(values.map((value) => Type.Literal(value)))
}

function since(format: Format, first: Format): boolean {
  return format >= first
}

/** The oldest format writes its members in snake case. */
function naming(format: Format): (name: string) => string {
  if (since(format, '2025-09-16')) return (name) => name
  return (name) => name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)
}

function renamed(format: Format, members: TProperties): TProperties {
  const name = naming(format)
  return Object.fromEntries(Object.entries(members).map(([key, kind]) => [name(key), kind]))
}

function inputMembers(format: Format): TProperties {
  return renamed(format, {
    description: text,
    isRequired: Type.Boolean(),
    format: oneOf('string', 'number', 'boolean', 'filepath'),
    value: text,
    isSecret: Type.Boolean(),
    default: text,
    choices: Type.Array(text),
    ...(since(format, '2025-10-11') ? { placeholder: text } : {}),
  })
}

function inputWithVariables(format: Format): TProperties {
  const input = object({}, inputMembers(format))
  return { ...inputMembers(format), variables: Type.Record(Type.String(), input) }
}

function argument(format: Format): TSchema {
  const common = {
    ...inputWithVariables(format),
    ...renamed(format, { isRepeated: Type.Boolean() }),
  }
  const positional = { ...common, ...renamed(format, { valueHint: text }) }
  const hint = naming(format)('valueHint')
  const { value: _value, ...withoutValue } = positional
  const { [hint]: _hint, ...withoutHint } = positional
  const kind = Type.Literal('positional')
  return Type.Union([
    object({ type: kind, value: text }, withoutValue),
    object({ type: kind, [hint]: text }, withoutHint),
    object({ type: Type.Literal('named'), name: text }, common),
  ])
}

function transports(format: Format): { readonly local: TSchema; readonly remote: TSchema } {
  const headers = Type.Array(object({ name: text }, inputWithVariables(format)))
  const pattern = Type.String({ pattern: '^https?://[^\\s]+$' })
  const strict = since(format, '2025-12-11')
  const remotes = [
    object({ type: Type.Literal('streamable-http'), url: strict ? pattern : text }, { headers }),
    object({ type: Type.Literal('sse'), url: strict ? pattern : uri }, { headers }),
  ]
  const variables = Type.Record(Type.String(), object({}, inputMembers(format)))
  return {
    local: Type.Union([object({ type: Type.Literal('stdio') }), ...remotes]),
    remote: strict
      ? Type.Intersect([Type.Union(remotes), object({}, { variables })])
      : Type.Union(remotes),
  }
}

function packageOf(format: Format): TSchema {
  const version = Type.Intersect([
    Type.String({ minLength: 1 }),
    Type.Unsafe<string>({ not: { const: 'latest' } }),
  ])
  const closed = !since(format, '2025-10-11')
  const argumentList = Type.Array(argument(format))
  const required = {
    ...renamed(format, { registryType: text, identifier: text }),
    ...(closed ? { version } : {}),
    transport: transports(format).local,
  }
  const optional = {
    ...renamed(format, {
      registryBaseUrl: uri,
      fileSha256: Type.String({ pattern: '^[a-f0-9]{64}$' }),
      runtimeHint: text,
      runtimeArguments: argumentList,
      packageArguments: argumentList,
      environmentVariables: Type.Array(object({ name: text }, inputWithVariables(format))),
    }),
    ...(closed ? {} : { version }),
  }
  return closed
    ? Type.Unsafe({ ...object(required, optional), additionalProperties: false })
    : object(required, optional)
}

function iconList(): TSchema {
  const icon = object(
    { src: Type.String({ format: 'uri', maxLength: 255 }) },
    {
      mimeType: oneOf('image/png', 'image/jpeg', 'image/jpg', 'image/svg+xml', 'image/webp'),
      sizes: Type.Array(Type.String({ pattern: '^(\\d+x\\d+|any)$' })),
      theme: oneOf('light', 'dark'),
    },
  )
  return Type.Array(icon)
}

function serverOf(format: Format): TSchema {
  const oneToHundred = Type.String({ minLength: 1, maxLength: 100 })
  const free = object({})
  const status = oneOf('active', 'deprecated', 'deleted')
  const extension = (name: string) => ({ [`io.modelcontextprotocol.registry/${name}`]: free })
  return object(
    {
      name: Type.String({
        minLength: 3,
        maxLength: 200,
        pattern: '^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$',
      }),
      description: oneToHundred,
      version: Type.String({ maxLength: 255 }),
    },
    {
      $schema: uri,
      repository: object({ url: uri, source: text }, { id: text, subfolder: text }),
      packages: Type.Array(packageOf(format)),
      remotes: Type.Array(transports(format).remote),
      ...renamed(format, { websiteUrl: uri }),
      ...(since(format, '2025-10-11') ? { title: oneToHundred, icons: iconList() } : {}),
      ...(since(format, '2025-09-29') ? {} : { status }),
      _meta: object(
        {},
        {
          ...extension('publisher-provided'),
          ...(since(format, '2025-09-29') ? {} : extension('official')),
        },
      ),
    },
  )
}

const validators = new Map<Format, Validator>()

function validatorFor(format: Format): Validator {
  const known = validators.get(format)
  if (known !== undefined) return known
  const compiled = Compile(serverOf(format)) as Validator
  validators.set(format, compiled)
  return compiled
}

/** @returns undefined when the entry names no published format. */
function formatOf(server: unknown): Format | undefined {
  if (typeof server !== 'object' || server === null || !('$schema' in server)) return undefined
  const named = typeof server.$schema === 'string' ? FORMAT_ADDRESS.exec(server.$schema)?.[1] : ''
  return FORMATS.find((format) => format === named)
}

/**
 * Why `server` (a server.json) does not fit the format that it names, one sentence a fault;
 * empty when it fits. One that names no published format is judged by the newest as well.
 */
export function problemsOf(server: unknown): readonly string[] {
  const format = formatOf(server)
  const validator = validatorFor(format ?? FORMATS[FORMATS.length - 1] ?? '2025-12-11')
  const unnamed = format === undefined ? ['/$schema names no published server.json format'] : []
  if (validator.Check(server)) return unnamed
  const faults = validator
    .Errors(server)
    .map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
  return [...unnamed, ...new Set(faults)]
    .slice(0, MAX_PROBLEMS)
    .map((fault) => fault.slice(0, MAX_PROBLEM_LENGTH))
}
