import { isJsonObject, type Json } from '../../domain/kernel/json.ts'
import { workflowSecrets, workflowSecretsStream } from '../../domain/workflows/secrets.ts'
import { type CommandContext, type Executed, execute, load } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { OutgoingAnswer, OutgoingRequest } from '../ports/outgoing-call.ts'
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
const HIDDEN = '[secret]'
/** Something shorter is in many texts that do not repeat it. */
const MIN_HIDDEN = 4

/** Sends a request with what it authenticates with. */
export type Authenticate = (
  tenantId: string,
  authentication: Json | undefined,
  request: OutgoingRequest,
  send: (request: OutgoingRequest) => Promise<OutgoingAnswer>,
) => Promise<OutgoingAnswer>

/** The values of secrets: given once, sent to the origins that they are for, and shown to nobody. */
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

  readonly authenticate: Authenticate = async (tenantId, authentication, request, send) => {
    if (!isJsonObject(authentication ?? null)) return await send(request)
    const { scheme, secret } = authentication as Readonly<Record<string, Json>>
    const value = await this.#valueFor(tenantId, String(secret), request.url)
    const encoded = Buffer.from(value).toString('base64')
    const authorization = scheme === 'basic' ? `Basic ${encoded}` : `Bearer ${value}`
    const answer = await send({ ...request, headers: { ...request.headers, authorization } })
    return without([value, encoded, ...passwordIn(value)], answer)
  }

  async #valueFor(tenantId: string, name: string, url: string): Promise<string> {
    const origins = (await this.list(tenantId)).get(name)
    const value = origins && (await this.#deps.secrets.reveal(tenantId, OWNER))[name]
    if (origins === undefined || value === undefined)
      throw new CallFault('authentication', `There is no secret "${name}".`)
    if (origins.includes(new URL(url).origin)) return value
    throw new CallFault('authorization', `The secret "${name}" is not for this address.`)
  }
}

/** Of `user:password`. */
function passwordIn(value: string): readonly string[] {
  const password = value.slice(value.indexOf(':') + 1)
  return password.length < MIN_HIDDEN ? [] : [password]
}

/** An answer that repeats what it was sent would put it into the run's events. */
function without(hidden: readonly string[], { status, headers, body }: OutgoingAnswer) {
  const shown = (text: string) => hidden.reduce((left, each) => left.replaceAll(each, HIDDEN), text)
  const names = Object.entries(headers).map(([name, value]) => [name, shown(value)] as const)
  const bytes = Buffer.from(body)
  const isRepeated = hidden.some((each) => bytes.includes(each))
  return {
    status,
    headers: Object.fromEntries(names),
    body: isRepeated ? Buffer.from(shown(bytes.toString('latin1')), 'latin1') : body,
  }
}
