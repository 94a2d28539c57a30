import { setTimeout as delay } from 'node:timers/promises'
import { CliError, EXIT, RefusedError } from './failure.ts'
import { addressOf, apiKeyOf, type GlobalOptions } from './settings.ts'

const TIMEOUT_MS = 60_000
const RETRY_MS = 300
const PATIENCE_MS = 30_000
/** Refused before anything was done, for now only. */
const PASSING = ['overloaded', 'read-model-behind', 'authentication-unavailable']

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The HTTP API, as this command may use it. Every method throws a {@link CliError}. */
export type Api = {
  readonly address: URL
  /** Where installed servers are called. @throws {CliError} when no gateway is known. */
  readonly gateway: () => URL
  readonly key: string | undefined
  readonly get: <Answer>(path: string, query?: Query) => Promise<Answer>
  readonly post: <Answer>(path: string, body?: object, query?: Query) => Promise<Answer>
  /** A document as it is, of this media type. */
  readonly postText: <Answer>(
    path: string,
    text: string,
    type: string,
    query?: Query,
  ) => Promise<Answer>
  readonly patch: <Answer>(path: string, body: object) => Promise<Answer>
  readonly put: <Answer>(path: string, body: object) => Promise<Answer>
  readonly delete: <Answer>(path: string) => Promise<Answer>
  /** The answer as it comes, for streams that do not end. */
  readonly open: (
    path: string,
    query: Query,
    headers: Readonly<Record<string, string>>,
    method?: 'GET' | 'POST',
    body?: object,
  ) => Promise<Response>
}

export function connect(options: GlobalOptions): Api {
  const address = addressOf(options, 'api')
  const key = apiKeyOf(options)

  async function send(path: string, query: Query, init: RequestInit): Promise<Response> {
    const url = addressed(new URL(path, address), query)
    const headers = new Headers(init.headers)
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
    return persist(() => reach(url, { ...init, headers, redirect: 'error' }))
  }

  async function ask<Answer>(path: string, query: Query, init: RequestInit): Promise<Answer> {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await send(path, query, { ...init, signal })
    // What the routes' schemas say; this program is released together with them.
    return (response.status === 204 ? undefined : await response.json()) as Answer
  }

  return {
    address,
    gateway: () => addressOf(options, 'gateway'),
    key,
    get: (path, query = {}) => ask(path, query, {}),
    delete: (path) => ask(path, {}, { method: 'DELETE' }),
    patch: (path, body) => ask(path, {}, { method: 'PATCH', ...json(body) }),
    put: (path, body) => ask(path, {}, { method: 'PUT', ...json(body) }),
    post: (path, body, query = {}) => ask(path, query, { method: 'POST', ...json(body) }),
    postText: (path, text, type, query = {}) =>
      ask(path, query, { method: 'POST', body: text, headers: { 'content-type': type } }),
    open: (path, query, headers, method = 'GET', body) => {
      const sent = json(body)
      return send(path, query, { ...sent, method, headers: { ...sent.headers, ...headers } })
    },
  }
}

function json(body: object | undefined): RequestInit {
  if (body === undefined) return {}
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

function addressed(url: URL, query: Query): URL {
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

async function persist(request: () => Promise<Response>): Promise<Response> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const response = await request()
    if (response.ok) return response
    const refusal = await refusalIn(response)
    const passes = refusal instanceof RefusedError && PASSING.includes(refusal.problem.code)
    if (!passes || performance.now() > deadline) throw refusal
    await delay(RETRY_MS)
  }
}

async function reach(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new CliError(EXIT.fault, `${url.origin} did not answer within a minute.`)
    throw new CliError(EXIT.unreachable, `Nothing answers at ${url.origin}: is Tidemark running?`)
  }
}

async function refusalIn(response: Response): Promise<CliError> {
  const body: unknown = await response.json().catch(() => undefined)
  const { code, detail } = (body ?? {}) as { code?: unknown; detail?: unknown }
  if (typeof code === 'string' && typeof detail === 'string')
    return new RefusedError({ status: response.status, code, detail: withFaults(detail, body) })
  const sentence = `${new URL(response.url).origin} answered ${response.status}; it does not look like a Tidemark.`
  return new CliError(response.status >= 500 ? EXIT.fault : EXIT.refused, sentence)
}

/** Where in the request the faults are, when the problem says so. */
function withFaults(detail: string, body: unknown): string {
  const { errors } = body as { errors?: readonly { pointer: string; detail: string }[] }
  if (!Array.isArray(errors) || errors.length === 0) return detail
  return `${detail} (${errors.map((each) => `${each.pointer}: ${each.detail}`).join('; ')})`
}
