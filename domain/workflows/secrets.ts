import { accept, type Decider, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { WorkflowSecretEvent } from './events.ts'

// Names of the values that calls of a tenant's workflows authenticate with, and where each may be sent.
// The values themselves are in no event.

const MAX_SECRETS = 200

export function workflowSecretsStream(tenantId: string): string {
  return streamName('workflowsecrets', tenantId, 'all')
}

type Command =
  | {
      readonly type: 'StoreWorkflowSecret'
      readonly name: string
      readonly origins: readonly string[]
      readonly now: string
    }
  | { readonly type: 'RemoveWorkflowSecret'; readonly name: string; readonly now: string }

/** The origins that a secret may be sent to, by its name. */
type State = ReadonlyMap<string, readonly string[]>

export const workflowSecrets: Decider<
  State,
  Command,
  WorkflowSecretEvent,
  'too-many-workflow-secrets'
> = {
  initial: new Map(),

  decide(state, command) {
    const { name, now } = command
    if (command.type === 'RemoveWorkflowSecret')
      return state.has(name)
        ? accept({ type: 'WorkflowSecretRemoved', data: { name, removedAt: now } })
        : accept()
    if (!state.has(name) && state.size >= MAX_SECRETS)
      return reject('conflict', 'too-many-workflow-secrets', `There are ${MAX_SECRETS} already.`)
    const data = { name, origins: [...command.origins], storedAt: now }
    return accept({ type: 'WorkflowSecretStored', data })
  },

  evolve(state, { type, data }) {
    const after = new Map(state)
    if (type === 'WorkflowSecretStored') after.set(data.name, data.origins)
    else after.delete(data.name)
    return after
  },
}
