import type { ActiveVersion } from '../../domain/gateway/active-version.ts'
import { toolList, toolListStream } from '../../domain/gateway/tool-list.ts'
import { isRecord } from '../../domain/kernel/json.ts'
import { sha256 } from '../kernel/canonical-json.ts'
import { execute } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { JsonObject } from '../ports/mcp-upstream.ts'
import { GATEWAY_ACTOR } from './process-journal.ts'

export type ToolListsDeps = {
  readonly store: EventStore
  readonly now: () => Date
  readonly logger: Logger
}

const MAX_KNOWN = 10_000

/** Notices when a server's list of tools is another one than before. */
export class ToolLists {
  readonly #deps: ToolListsDeps
  /** By installation: what was recorded last. */
  readonly #known = new Map<string, string>()

  constructor(deps: ToolListsDeps) {
    this.#deps = deps
  }

  /** Records it when it is news; the caller need not wait, nothing fails because of it. */
  async observe(tenantId: string, server: ActiveVersion, result: JsonObject): Promise<void> {
    const { tools } = result
    if (!Array.isArray(tools) || result.nextCursor !== undefined) return
    const { installationId, version } = server
    const hash = sha256(canonical(tools))
    const key = `${tenantId}/${installationId}`
    const seen = `${version} ${hash}`
    if (this.#known.get(key) === seen) return
    try {
      const observed = { installationId, version, hash, tools: tools.length }
      const now = this.#deps.now().toISOString()
      await execute(
        this.#deps.store,
        toolList,
        toolListStream(tenantId, installationId),
        { type: 'ObserveTools', ...observed, now },
        {
          ...{ tenantId, actorId: GATEWAY_ACTOR },
          ...{ correlationId: installationId, causationId: installationId },
        },
      )
      this.#remember(key, seen)
    } catch (error) {
      this.#deps.logger.warn({ err: error, installationId }, 'A list of tools was not recorded')
    }
  }

  #remember(key: string, seen: string): void {
    this.#known.delete(key)
    this.#known.set(key, seen)
    const oldest = this.#known.keys().next()
    if (this.#known.size > MAX_KNOWN && !oldest.done) this.#known.delete(oldest.value)
  }
}

/** The order of tools, and of members, says nothing. */
function canonical(tools: readonly unknown[]): string {
  return JSON.stringify(tools.map(sorted).sort())
}

function sorted(tool: unknown): string {
  return JSON.stringify(tool, (_key, value: unknown) =>
    isRecord(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
