import type { ActiveVersion } from '../../domain/gateway/active-version.ts'
import {
  type QuarantineState,
  quarantine,
  quarantineStream,
} from '../../domain/gateway/quarantine.ts'
import { execute, load } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import { GATEWAY_ACTOR } from './process-journal.ts'

const MAX_CAUSE = 500

export type ServerQuarantineDeps = {
  readonly store: EventStore
  readonly now: () => Date
  readonly logger: Logger
}

/** Whether one installation's server is in quarantine: read once, and again after something has changed it. */
export class ServerQuarantine {
  readonly #tenantId: string
  readonly #installationId: string
  readonly #deps: ServerQuarantineDeps
  #known: Promise<QuarantineState> | undefined

  constructor(tenantId: string, installationId: string, deps: ServerQuarantineDeps) {
    this.#tenantId = tenantId
    this.#installationId = installationId
    this.#deps = deps
  }

  /** Somebody changed it. */
  forget(): void {
    this.#known = undefined
  }

  /** @throws what the store throws; it is read again then. */
  async state(): Promise<QuarantineState> {
    this.#known ??= load(this.#deps.store, quarantine, this.#stream).then(({ state }) => state)
    try {
      return await this.#known
    } catch (error) {
      this.#known = undefined
      throw error
    }
  }

  /** It counts for this process also where it cannot be recorded. */
  async enter(
    { version, generation }: ActiveVersion,
    cause: string,
    failures: number,
  ): Promise<void> {
    const { store, now, logger } = this.#deps
    const [tenantId, installationId] = [this.#tenantId, this.#installationId]
    const since = now().toISOString()
    const facts = { generation, failures, cause: cause.slice(0, MAX_CAUSE) }
    this.#known = Promise.resolve({
      ...{ status: 'quarantined', since, untilLifted: false },
      ...facts,
    })
    const by = { actorId: GATEWAY_ACTOR, correlationId: installationId }
    const context = { tenantId, ...by, causationId: installationId }
    const command = { type: 'QuarantineServer', installationId, version, ...facts } as const
    try {
      await execute(store, quarantine, this.#stream, { ...command, now: since }, context)
    } catch (error) {
      logger.error({ error, installationId }, 'A quarantine was not recorded')
    }
  }

  get #stream(): string {
    return quarantineStream(this.#tenantId, this.#installationId)
  }
}
