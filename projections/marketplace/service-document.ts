import { wordsOf, wordsOfName } from './words.ts'

// What an entry says about its server, for people who look for one. An entry is third-party
// data that may break its own schema: every member is checked before it is believed.

const MAX_TAGS = 30
const MAX_WORDS = 200
/** In names that say nothing about what a server does. */
const EMPTY_TAGS = new Set([
  'io',
  'com',
  'ai',
  'github',
  'mcp',
  'server',
  'dev',
  'org',
  'net',
  'app',
])

export type ServiceDocument = {
  readonly title: string | null
  readonly description: string
  readonly packageTypes: readonly string[]
  readonly transports: readonly string[]
  readonly tags: readonly string[]
  readonly repositoryUrl: string | null
  readonly websiteUrl: string | null
  readonly words: readonly string[]
  /** Text form of a `tsvector`: weight A name, B title, C tags, D description. */
  readonly search: string
}

/** @param entry `{ server, _meta }` */
export function serviceDocument(name: string, entry: unknown): ServiceDocument {
  const server = member(entry, 'server')
  const packages = list(member(server, 'packages'))
  const remotes = list(member(server, 'remotes'))
  const title = text(member(server, 'title')) ?? null
  const description = text(member(server, 'description')) ?? ''
  const tags = tagsOf(name, server)
  const weighted: Fields = [
    ['A', wordsOfName(name)],
    ['B', wordsOf(title ?? '')],
    ['C', [...tags.flatMap(wordsOf), ...packages.flatMap(packageWords)]],
    ['D', wordsOf(description)],
  ]
  return {
    title,
    description,
    packageTypes: unique(packages.map((each) => text(member(each, 'registryType')))),
    transports: unique([
      ...packages.map((each) => text(member(member(each, 'transport'), 'type'))),
      ...remotes.map((each) => text(member(each, 'type'))),
    ]),
    tags,
    repositoryUrl: text(member(member(server, 'repository'), 'url')) ?? null,
    websiteUrl: text(member(server, 'websiteUrl')) ?? null,
    ...searchOf(weighted),
  }
}

/** What the registry says about the entry, where it says it in a form that can be read. */
export function officialMeta(entry: unknown): {
  readonly status: string
  readonly isLatest: boolean
  readonly publishedAt: string | null
  readonly updatedAt: string | null
} {
  const meta = member(member(entry, '_meta'), 'io.modelcontextprotocol.registry/official')
  return {
    status: text(member(meta, 'status')) ?? 'active',
    isLatest: member(meta, 'isLatest') === true,
    publishedAt: instant(member(meta, 'publishedAt')),
    updatedAt: instant(member(meta, 'updatedAt')),
  }
}

/** What the index holds for a word of a name besides the word: it cannot tell weights apart by itself. */
export function inName(word: string): string {
  return `@${word}`
}

type Fields = readonly (readonly ['A' | 'B' | 'C' | 'D', readonly string[]])[]

/** The heaviest field that holds a word gives it its weight. */
function searchOf(fields: Fields): Pick<ServiceDocument, 'words' | 'search'> {
  const weights = new Map<string, string>()
  for (const [weight, words] of fields)
    for (const word of words)
      if (weights.size < MAX_WORDS && !weights.has(word)) weights.set(word, weight)
  return {
    words: [...weights.keys()].sort(),
    // Words are letters and digits only, so quoting needs no escapes.
    search: [...weights]
      .flatMap(([word, weight]) => {
        const element = `'${word}':1${weight}`
        return weight === 'A' ? [element, `'${inName(word)}':1A`] : [element]
      })
      .join(' '),
  }
}

function tagsOf(name: string, server: unknown): string[] {
  const publisher = member(
    member(server, '_meta'),
    'io.modelcontextprotocol.registry/publisher-provided',
  )
  const given = ['tags', 'keywords', 'categories'].flatMap((key) =>
    list(member(publisher, key)).map((tag) => text(tag)?.toLowerCase()),
  )
  const fromName = wordsOf(name.slice(name.indexOf('/') + 1)).filter(
    (word) => word.length > 2 && !EMPTY_TAGS.has(word),
  )
  return unique([...given, ...fromName]).slice(0, MAX_TAGS)
}

function packageWords(entry: unknown): string[] {
  const identifier = text(member(entry, 'identifier')) ?? ''
  return /^https?:/.test(identifier) ? [] : wordsOf(identifier)
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Postgres text holds no NUL and no half of a surrogate pair. */
function text(value: unknown): string | undefined {
  return typeof value === 'string'
    ? value.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\ufffd')
    : undefined
}

const INSTANT = /^(?:19|20)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)$/

/** RFC 3339 to the microsecond, in UTC; a `Date` would lose the last three digits. */
function instant(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const fraction = (INSTANT.exec(value)?.[1] ?? '').slice(0, 6).padEnd(6, '0')
  const time = INSTANT.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time)) return null
  return `${new Date(time).toISOString().slice(0, 19)}.${fraction}Z`
}

function unique(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined && value !== ''))] as string[]
}
