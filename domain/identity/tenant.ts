import { accept, type Decider, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { IdentityEvent } from './events.ts'

// A tenant and what holds for all of it. The stream's name carries the tenant's id, so the
// events need not.

/** The tenant that a fresh installation has, and whose catalogue can be public. */
export const DEFAULT_TENANT = 'default'

export function tenantStream(tenantId: string): string {
  return streamName('tenant', tenantId, 'tenant')
}

export type CatalogueVisibility = 'public' | 'private'

export type TenantCommand =
  | { readonly type: 'CreateTenant'; readonly name: string; readonly now: string }
  | {
      readonly type: 'ChangeCatalogueVisibility'
      readonly visibility: CatalogueVisibility
      readonly now: string
    }

export type TenantRejection = 'tenant-unknown'

export type TenantState =
  | { readonly status: 'absent' }
  | { readonly status: 'created'; readonly visibility: CatalogueVisibility }

export type TenantEvent = Extract<
  IdentityEvent,
  { type: 'TenantCreated' | 'CatalogueVisibilityChanged' }
>

export const tenant: Decider<TenantState, TenantCommand, TenantEvent, TenantRejection> = {
  initial: { status: 'absent' },

  decide(state, command) {
    switch (command.type) {
      case 'CreateTenant':
        if (state.status === 'created') return accept()
        return accept({
          type: 'TenantCreated',
          data: { name: command.name, createdAt: command.now },
        })
      case 'ChangeCatalogueVisibility':
        if (state.status === 'absent')
          return reject('not-found', 'tenant-unknown', 'There is no such tenant.')
        if (state.visibility === command.visibility) return accept()
        return accept({
          type: 'CatalogueVisibilityChanged',
          data: { visibility: command.visibility, changedAt: command.now },
        })
    }
  },

  evolve(_state, event) {
    switch (event.type) {
      case 'TenantCreated':
        return { status: 'created', visibility: 'private' }
      case 'CatalogueVisibilityChanged':
        return { status: 'created', visibility: event.data.visibility }
    }
  },
}
