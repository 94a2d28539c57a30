import type { FastifyInstance, FastifyRequest } from 'fastify'
import { problem } from './problem.ts'

export const MAX_JSON_DEPTH = 64

/** Members and elements of the whole document. */
export const MAX_JSON_VALUES = 100_000

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * JSON in, or a problem: bad UTF-8 and bad JSON, too deep or too many values, and members that
 * would change an object's prototype when somebody merges them.
 *
 * @throws {ProblemError} 400
 */
export function parseJson(body: Uint8Array): unknown {
  const parsed = decode(body)
  refuseHostileShape(parsed)
  return parsed
}

function decode(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body))
  } catch {
    throw problem(400, 'malformed-json', 'The body is not JSON in UTF-8.')
  }
}

/** A loop of its own, because recursion is what a deep document attacks. */
function refuseHostileShape(root: unknown): void {
  const open: [value: unknown, depth: number][] = [[root, 1]]
  let values = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, depth] = next
    if (typeof value !== 'object' || value === null) continue
    if (depth > MAX_JSON_DEPTH)
      throw problem(400, 'json-too-deep', `The body nests deeper than ${MAX_JSON_DEPTH} levels.`)
    const members = Object.entries(value)
    values += members.length
    if (values > MAX_JSON_VALUES)
      throw problem(400, 'json-too-large', `The body has more than ${MAX_JSON_VALUES} values.`)
    for (const [key, member] of members) {
      if (isPoison(key, member))
        throw problem(400, 'forbidden-member', `The body has a member called "${key}".`)
      open.push([member, depth + 1])
    }
  }
}

function isPoison(key: string, member: unknown): boolean {
  if (key === '__proto__') return true
  return (
    key === 'constructor' &&
    typeof member === 'object' &&
    member !== null &&
    Object.hasOwn(member, 'prototype')
  )
}

/** JSON is the only media type that is read; any other one is answered with 415 by Fastify. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      if (body.length > 0) return parseJson(body)
      if (request.routeOptions.schema?.body === undefined) return undefined
      throw problem(400, 'malformed-json', 'The body is empty; this request needs a JSON document.')
    },
  )
}
