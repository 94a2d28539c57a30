import { accept, type Decider, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { CustomEvent } from './events.ts'

// A tenant's own event type. Registering it with another schema makes a new version; what was
// emitted before keeps the version that it was checked against.

/** Of the schema as JSON: it is compiled, and kept in an event. */
export const MAX_SCHEMA_LENGTH = 32_768

export function customTypeStream(tenantId: string, name: string): string {
  return streamName('customtype', tenantId, name)
}

/** One stream a type: what is emitted is read in order, and never folded. */
export function customStream(tenantId: string, name: string): string {
  return streamName('custom', tenantId, name)
}

export type CustomTypeCommand = {
  readonly type: 'RegisterCustomEventType'
  readonly name: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly now: string
}

export type CustomTypeState =
  | { readonly status: 'absent' }
  | {
      readonly status: 'registered'
      readonly version: number
      readonly schema: Readonly<Record<string, unknown>>
    }

type CustomTypeEvent = Extract<CustomEvent, { readonly type: 'CustomEventTypeRegistered' }>

export const customType: Decider<
  CustomTypeState,
  CustomTypeCommand,
  CustomTypeEvent,
  'custom-schema-too-large'
> = {
  initial: { status: 'absent' },

  decide(state, { name, schema, now }) {
    const text = JSON.stringify(schema)
    if (text.length > MAX_SCHEMA_LENGTH)
      return reject(
        'invalid',
        'custom-schema-too-large',
        `A schema may have ${MAX_SCHEMA_LENGTH} characters, this one has ${text.length}.`,
      )
    if (state.status === 'registered' && JSON.stringify(state.schema) === text) return accept()
    const version = state.status === 'registered' ? state.version + 1 : 1
    const data = { name, version, schema, registeredAt: now }
    return accept({ type: 'CustomEventTypeRegistered', data })
  },

  evolve(_state, { data: { version, schema } }) {
    return { status: 'registered', version, schema }
  },
}
