import { accept, type Decider } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { PrivacyEvent } from './events.ts'

/** Of the tenant that operates the server: a rotation is of all tenants' keys. */
export function keyRotationStream(operatingTenant: string): string {
  return streamName('keyrotation', operatingTenant, 'keyrotation')
}

export type KeyRotationCommand =
  | {
      readonly type: 'StartKeyRotation'
      readonly rotationId: string
      readonly rootKeyId: string
      readonly now: string
    }
  | { readonly type: 'CompleteKeyRotation'; readonly rotationId: string; readonly now: string }

type Rotation = {
  readonly rotationId: string
  readonly rootKeyId: string
  readonly startedAt: string
}

export type KeyRotationState =
  | { readonly status: 'never' }
  | ({ readonly status: 'running' } & Rotation)
  | ({ readonly status: 'completed'; readonly completedAt: string } & Rotation)

export type KeyRotationEvent = Extract<
  PrivacyEvent,
  { type: 'KeyRotationStarted' | 'KeyRotationCompleted' }
>

/** One at a time: who starts another while one runs gets the one that runs. */
export const keyRotation: Decider<KeyRotationState, KeyRotationCommand, KeyRotationEvent, never> = {
  initial: { status: 'never' },

  decide(state, command) {
    switch (command.type) {
      case 'StartKeyRotation': {
        const { rotationId, rootKeyId, now } = command
        if (state.status === 'running') return accept()
        const data = { rotationId, rootKeyId, startedAt: now }
        return accept({ type: 'KeyRotationStarted', data })
      }
      case 'CompleteKeyRotation': {
        const { rotationId, now } = command
        if (state.status !== 'running' || state.rotationId !== rotationId) return accept()
        return accept({ type: 'KeyRotationCompleted', data: { rotationId, completedAt: now } })
      }
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'KeyRotationStarted':
        return { status: 'running', ...event.data }
      case 'KeyRotationCompleted':
        if (state.status === 'never') return state
        return { ...state, status: 'completed', completedAt: event.data.completedAt }
    }
  },
}
