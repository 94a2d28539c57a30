import {
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
} from '../../../domain/kernel/json.ts'
import { sha256 } from '../../kernel/canonical-json.ts'
import type { OutgoingCalls } from '../../ports/outgoing-call.ts'
import { readYaml, SourceError } from '../read-yaml.ts'
import { CallFault } from './call.ts'

const MAX_DOCUMENT_BYTES = 1024 * 1024
const MAX_DOCUMENTS = 50
/** How long a document is used before it is asked for again. */
const FRESH_MS = 5 * 60_000
const BAD_GATEWAY = 502
/** References in references. */
const MAX_HOPS = 20

export type OpenApiDocument = {
  readonly root: JsonObject
  /** Of its text: the same document is compiled once. */
  readonly hash: string
  readonly url: URL
}

export type Operation = {
  readonly path: string
  readonly method: string
  readonly parameters: readonly JsonObject[]
  readonly definition: JsonObject
}

export type OpenApiDocuments = (url: URL, signal: AbortSignal) => Promise<OpenApiDocument>

/** Documents by address, for a while; each text is read once. */
export function createOpenApiDocuments(outgoing: OutgoingCalls): OpenApiDocuments {
  const known = new Map<string, { readonly document: OpenApiDocument; readonly until: number }>()

  return async (url, signal) => {
    const before = known.get(url.href)
    if (before !== undefined && performance.now() < before.until) return before.document
    const document = await fetchDocument(outgoing, url, signal, before?.document)
    if (known.size >= MAX_DOCUMENTS) known.clear()
    known.set(url.href, { document, until: performance.now() + FRESH_MS })
    return document
  }
}

async function fetchDocument(
  outgoing: OutgoingCalls,
  url: URL,
  signal: AbortSignal,
  before: OpenApiDocument | undefined,
): Promise<OpenApiDocument> {
  const headers = { accept: 'application/json, application/yaml;q=0.9, */*;q=0.1' }
  const request = { method: 'GET', url: url.href, headers, body: undefined }
  const answer = await outgoing.call({ ...request, maxBytes: MAX_DOCUMENT_BYTES }, signal)
  if (answer.status !== 200)
    throw new CallFault(
      'communication',
      `The OpenAPI document cannot be read: ${answer.status}.`,
      answer.status,
    )
  const hash = sha256(answer.body)
  if (before?.hash === hash) return before
  return { root: documentIn(Buffer.from(answer.body).toString('utf8')), hash, url }
}

function documentIn(text: string): JsonObject {
  try {
    const { value } = readYaml(text)
    if (isJsonObject(value as Json)) return value as JsonObject
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
  }
  throw new CallFault('communication', 'The OpenAPI document is not one.', BAD_GATEWAY)
}

/** @throws {CallFault} where there is none of that name. */
export function operationIn({ root }: OpenApiDocument, operationId: string): Operation {
  for (const [path, given] of Object.entries(objectIn(root.paths))) {
    const item = resolved(root, given)
    for (const [method, each] of Object.entries(item)) {
      const definition = objectIn(each)
      if (!METHODS.has(method) || definition.operationId !== operationId) continue
      const parameters = [...listIn(item.parameters), ...listIn(definition.parameters)]
      return { path, method, definition, parameters: parameters.map((one) => resolved(root, one)) }
    }
  }
  const name = operationId.slice(0, 100)
  throw new CallFault('configuration', `The OpenAPI document has no operation "${name}".`)
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'])

/** Where the operations are: OpenAPI 3's first server, Swagger 2's host, or where the document is. */
export function serverOf({ root, url }: OpenApiDocument): URL {
  const [server] = listIn(root.servers)
  if (server !== undefined) {
    const { url: template, variables } = objectIn(server)
    const address = String(template ?? '/').replace(/\{([^}]*)\}/g, (_all, name: string) =>
      String(objectIn(objectIn(variables)[name]).default ?? ''),
    )
    if (URL.canParse(address, url.href)) return new URL(address, url)
    throw new CallFault('configuration', 'The server in the OpenAPI document is not an address.')
  }
  if (typeof root.host !== 'string') return new URL('/', url)
  const [scheme = url.protocol.slice(0, -1)] = listIn(root.schemes)
  const address = `${String(scheme)}://${root.host}${String(root.basePath ?? '/')}`
  if (URL.canParse(address)) return new URL(address)
  throw new CallFault('configuration', 'The host in the OpenAPI document is not an address.')
}

/** What a reference inside of the document names, or the value itself. */
export function resolved(root: JsonObject, value: Json | undefined): JsonObject {
  let current = objectIn(value)
  for (let hops = 0; typeof current.$ref === 'string'; hops++) {
    if (hops >= MAX_HOPS || !current.$ref.startsWith('#/'))
      throw new CallFault('configuration', 'The OpenAPI document refers to what is not in it.')
    current = objectIn(atPointer(root, current.$ref.slice(2)))
  }
  return current
}

function atPointer(root: JsonObject, pointer: string): Json | undefined {
  let found: Json | undefined = root
  for (const segment of pointer.split('/')) {
    const key = decodeURIComponent(segment).replaceAll('~1', '/').replaceAll('~0', '~')
    const container: JsonObject = objectIn(found)
    found = Object.hasOwn(container, key) ? container[key] : undefined
  }
  return found
}

export function objectIn(value: Json | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {}
}

function listIn(value: Json | undefined): readonly Json[] {
  return value !== undefined && isJsonArray(value) ? value : []
}
