import type { OutgoingAnswer, OutgoingRequest } from '../../ports/outgoing-call.ts'
import { CallFault } from '../calls/call.ts'
import type { Policy } from './policy.ts'

export type Send = (request: OutgoingRequest) => Promise<OutgoingAnswer>

const MAX_ANSWER_BYTES = 64 * 1024
/** RFC 6749, 5.2 and RFC 8693, 2.2.2. Other words of the authority are shown to nobody. */
const CODES: ReadonlySet<unknown> = new Set([
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client'],
  ...['unsupported_grant_type', 'invalid_scope', 'invalid_target'],
])

export function noToken(reason: string): CallFault {
  return new CallFault('authentication', `The authority gave no token. ${reason}`)
}

type Given = {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: URLSearchParams | undefined
}

/** What the protocol asks, as a call like any other, and only where the policy's secrets may go. */
export function tokenFetch({ requireOrigin }: Policy, encoding: string | undefined, send: Send) {
  return async (url: string, { method, headers, body }: Given): Promise<Response> => {
    requireOrigin(url)
    const inJson = encoding === 'application/json' && body !== undefined
    const answer = await send({
      ...{ method, url, maxBytes: MAX_ANSWER_BYTES },
      headers: {
        ...headers,
        'user-agent': 'tidemark',
        ...(inJson ? { 'content-type': encoding } : {}),
      },
      body: inJson ? jsonOf(body) : body?.toString(),
    })
    const said = objectIn(answer.body)
    if (answer.status !== 200) throw noToken(refusalIn(answer.status, said.error))
    // Nobody signs in here: what it says of a person is not looked at.
    const { id_token: _, ...others } = said
    return Response.json(others)
  }
}

function refusalIn(status: number, code: unknown): string {
  return CODES.has(code) ? `It answered ${status}, ${code}.` : `It answered ${status}.`
}

/** What is there several times is an array. */
function jsonOf(body: URLSearchParams): string {
  const names = [...new Set(body.keys())]
  const members = names.map((name) => {
    const values = body.getAll(name)
    return [name, values.length > 1 ? values : values[0]] as const
  })
  return JSON.stringify(Object.fromEntries(members))
}

function objectIn(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
