import { SERVER_INFO_META_KEY } from '@modelcontextprotocol/server'
import type { JsonObject, ServerIdentity } from '../ports/mcp-upstream.ts'
import { MODERN_VERSION } from './inbound.ts'

/** Requests that a server answers, through the gateway, in every era. */
export const FORWARDED_METHODS: ReadonlySet<string> = new Set([
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
  'prompts/get',
  'completion/complete',
])

const CACHEABLE_METHODS: ReadonlySet<string> = new Set([
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
])

/** All callers share one process: what would be a setting of the connection is not offered. */
export function offeredCapabilities({ capabilities }: ServerIdentity): JsonObject {
  const offered: Record<string, unknown> = {}
  // The lists also change when another version becomes active, whatever the server itself says.
  for (const list of ['tools', 'prompts', 'resources'])
    if (capabilities[list] !== undefined) offered[list] = { listChanged: true }
  if (capabilities.completions !== undefined) offered.completions = {}
  return offered
}

/** `server/discover` of 2026-07-28. */
export function discovery(identity: ServerIdentity): JsonObject {
  const { instructions } = identity
  return modernResult(identity, 'server/discover', {
    supportedVersions: [MODERN_VERSION],
    capabilities: offeredCapabilities(identity),
    ...(instructions === undefined ? {} : { instructions }),
  })
}

/** What 2026-07-28 wants in every result, and an older server does not say. */
export function modernResult(
  { serverInfo }: ServerIdentity,
  method: string,
  result: JsonObject,
): JsonObject {
  const cacheable = CACHEABLE_METHODS.has(method) || method === 'server/discover'
  return {
    ...result,
    ...(cacheable ? { ttlMs: lifetimeOf(result), cacheScope: 'private' } : {}),
    resultType: 'complete',
    _meta: { ...(result._meta as JsonObject | undefined), [SERVER_INFO_META_KEY]: serverInfo },
  }
}

function lifetimeOf({ ttlMs }: JsonObject): number {
  return typeof ttlMs === 'number' && Number.isSafeInteger(ttlMs) && ttlMs >= 0 ? ttlMs : 0
}
