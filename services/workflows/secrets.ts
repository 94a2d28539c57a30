import { workflowSecrets, workflowSecretsStream } from '../../domain/workflows/secrets.ts'
import { type CommandContext, type Executed, execute, load } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { SecretStore } from '../ports/secret-store.ts'
import { CallFault } from './calls/call.ts'

export type WorkflowSecretsDeps = {
  readonly events: EventStore
  readonly secrets: Pick<SecretStore, 'put' | 'remove' | 'reveal'>
  readonly now: () => Date
}

type Done = Executed<ReadonlyMap<string, readonly string[]>>

/** Whose the values are in the store of secrets: all workflows of the tenant. */
const OWNER = 'b0c2c0c8-1a55-4d0e-8f0c-6b7d3a1e9a42'

export type SecretInUse = {
  readonly name: string
  readonly value: string
  /** That it, and what follows from it, may be sent to. */
  readonly origins: readonly string[]
}

/** The values of secrets: given once, for calls only, and shown to nobody. */
export class WorkflowSecrets {
  readonly #deps: WorkflowSecretsDeps

  constructor(deps: WorkflowSecretsDeps) {
    this.#deps = deps
  }

  async list(tenantId: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const { state } = await load(
      this.#deps.events,
      workflowSecrets,
      workflowSecretsStream(tenantId),
    )
    return state
  }

  /** A new value is never sent to where only the one before was to be sent. */
  async store(
    context: CommandContext,
    name: string,
    value: string,
    origins: readonly string[],
  ): Promise<Done> {
    const { events, secrets, now } = this.#deps
    await secrets.remove(context.tenantId, OWNER, name)
    const stream = workflowSecretsStream(context.tenantId)
    const at = now().toISOString()
    const command = { type: 'StoreWorkflowSecret', name, origins, now: at } as const
    const done = await execute(events, workflowSecrets, stream, command, context)
    await secrets.put(context.tenantId, OWNER, name, value)
    return done
  }

  async remove(context: CommandContext, name: string): Promise<Done> {
    const { events, secrets, now } = this.#deps
    const stream = workflowSecretsStream(context.tenantId)
    const command = { type: 'RemoveWorkflowSecret', name, now: now().toISOString() } as const
    const done = await execute(events, workflowSecrets, stream, command, context)
    await secrets.remove(context.tenantId, OWNER, name)
    return done
  }

  /** @throws {CallFault} where one is not there. */
  async inUse(tenantId: string, names: readonly string[]): Promise<readonly SecretInUse[]> {
    const known = await this.list(tenantId)
    const values = await this.#deps.secrets.reveal(tenantId, OWNER)
    return names.map((name) => {
      const origins = known.get(name)
      const value = Object.hasOwn(values, name) ? values[name] : undefined
      if (origins === undefined || value === undefined)
        throw new CallFault('authentication', `There is no secret "${name}".`)
      return { name, value, origins }
    })
  }
}
