import type { Json } from '../../../domain/kernel/json.ts'
import type { Outcome } from '../../../domain/workflows/run/commands.ts'
import type { OutgoingAnswer, OutgoingRequest } from '../../ports/outgoing-call.ts'
import { CallFault } from './call.ts'

/** An answer becomes a part of an event. */
export const MAX_ANSWER_BYTES = 256 * 1024
const MAX_DEPTH = 100
const MAX_EXCERPT = 300
const BAD_GATEWAY = 502
const SECRET_HEADERS = new Set(['authorization', 'cookie', 'proxy-authorization', 'x-api-key'])

export type AnswerForm = {
  /** `content`: what the body says; `raw`: the body in base64; `response`: all of the answer. */
  readonly output: 'content' | 'raw' | 'response'
  /** Whether a status from 300 to 399 is an answer; by the standard it is not, and it is not followed. */
  readonly takesRedirects: boolean
}

/** What the answer means to the workflow: Serverless Workflow DSL 1.0.3, "HTTP Call". */
export function outcomeOfAnswer(
  request: OutgoingRequest,
  answer: OutgoingAnswer,
  { output, takesRedirects }: AnswerForm,
): Outcome {
  const { status, headers, body } = answer
  if (status < 200 || status > (takesRedirects ? 399 : 299))
    throw new CallFault('communication', refusal(answer), status)
  if (output === 'raw') return { output: Buffer.from(body).toString('base64') }
  const content = contentOf(answer)
  if (output === 'content') return { output: content }
  const { method, url } = request
  const sent = Object.entries(request.headers).filter(([name]) => !SECRET_HEADERS.has(name))
  return {
    output: {
      request: { method, uri: url, headers: Object.fromEntries(sent) },
      statusCode: status,
      headers,
      content,
    },
  }
}

/** The begin of what the other side says is a third party's text. */
function refusal({ status, body }: OutgoingAnswer): string {
  const said = Buffer.from(body).toString('utf8').replace(/\s+/g, ' ').trim()
  const excerpt = [...said.replaceAll('\u0000', '')].slice(0, MAX_EXCERPT).join('')
  return excerpt === ''
    ? `The other side answered ${status}.`
    : `The other side answered ${status}: ${excerpt}`
}

function contentOf({ headers, body }: OutgoingAnswer): Json {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (body.byteLength === 0) return null
  if (type === 'application/json' || type.endsWith('+json')) return jsonIn(body)
  if (type.startsWith('text/') || type === 'application/xml' || type.endsWith('+xml'))
    return Buffer.from(body).toString('utf8').replaceAll('\u0000', '\ufffd')
  return Buffer.from(body).toString('base64')
}

function jsonIn(body: Uint8Array): Json {
  const text = Buffer.from(body).toString('utf8')
  try {
    const value = JSON.parse(text) as Json
    if (isShallow(value)) return value
  } catch {
    throw new CallFault(
      'communication',
      'The answer says that it is JSON, and is not.',
      BAD_GATEWAY,
    )
  }
  const detail = `The answer nests deeper than ${MAX_DEPTH} levels.`
  throw new CallFault('communication', detail, BAD_GATEWAY)
}

/** Whether whatever recurses through it comes to an end. */
export function isShallow(root: Json): boolean {
  const open: [value: Json, depth: number][] = [[root, 1]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, depth] = next
    if (typeof value !== 'object' || value === null) continue
    if (depth > MAX_DEPTH) return false
    for (const each of Object.values(value)) open.push([each, depth + 1])
  }
  return true
}
