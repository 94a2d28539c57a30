import { accept, type Decider } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { PrivacyEvent } from './events.ts'

/** The keys that a tenant's data is encrypted with, one after the other. */
export function dataKeysStream(tenantId: string): string {
  return streamName('datakeys', tenantId, 'datakeys')
}

export type DataKeysCommand = {
  readonly type: 'RecordDataKey'
  readonly rotationId: string
  readonly keyId: string
  readonly now: string
}

export type DataKeysState = { readonly rotationId: string | undefined }

export type DataKeysEvent = Extract<PrivacyEvent, { type: 'DataKeyRotated' }>

export const dataKeys: Decider<DataKeysState, DataKeysCommand, DataKeysEvent, never> = {
  initial: { rotationId: undefined },

  decide(state, { rotationId, keyId, now }) {
    if (state.rotationId === rotationId) return accept()
    return accept({ type: 'DataKeyRotated', data: { rotationId, keyId, rotatedAt: now } })
  },

  evolve: (_state, { data }) => ({ rotationId: data.rotationId }),
}
