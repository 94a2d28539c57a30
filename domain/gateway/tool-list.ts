import { accept, type Decider } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { GatewayEvent } from './events.ts'

// What an installation's server says that it offers, as often as that changes.

export function toolListStream(tenantId: string, installationId: string): string {
  return streamName('toollist', tenantId, installationId)
}

export type ObservedTools = {
  readonly installationId: string
  readonly version: string
  readonly hash: string
  readonly tools: number
}

export type ToolListCommand = ObservedTools & {
  readonly type: 'ObserveTools'
  readonly now: string
}

export type ToolListState = Pick<ObservedTools, 'version' | 'hash'> | undefined

type ToolListEvent = Extract<GatewayEvent, { readonly type: 'ToolListChanged' }>

export const toolList: Decider<ToolListState, ToolListCommand, ToolListEvent, never> = {
  initial: undefined,

  decide(state, { type: _, now, ...observed }) {
    const sameVersion = state?.version === observed.version
    if (sameVersion && state.hash === observed.hash) return accept()
    const before = state === undefined ? {} : { previous: state }
    const data = { ...observed, ...before, sameVersion, observedAt: now }
    return accept({ type: 'ToolListChanged', data })
  },

  evolve(_state, { data: { version, hash } }) {
    return { version, hash }
  },
}
