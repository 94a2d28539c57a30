import { v5 as uuidOf } from 'uuid'
import { dataKeys, dataKeysStream } from '../../domain/privacy/data-keys.ts'
import {
  type KeyRotationState,
  keyRotation,
  keyRotationStream,
} from '../../domain/privacy/key-rotation.ts'
import { OPERATING_TENANT } from '../kernel/actor.ts'
import { causeIn } from '../kernel/cause.ts'
import { execute, load } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { KeyRotation } from '../ports/key-rotation.ts'

/** Namespace of the ids of tenants' keys, which derive from the rotation: a crash makes no second one. */
const DATA_KEY_NAMESPACE = '2a5d6c1e-90b7-4c83-9c53-0d2f4b7be1a6'

export type RotationDeps = {
  readonly store: EventStore
  readonly rotation: KeyRotation
  readonly now: () => Date
}

export const ROTATION_STREAM = keyRotationStream(OPERATING_TENANT)

/**
 * Carries out the rotation that is under way, from wherever an earlier process left it; without
 * one it does nothing. Everything can be read and written meanwhile.
 *
 * @throws when `signal` aborts: the rest stays owed.
 */
export async function carryOutRotation(deps: RotationDeps, signal: AbortSignal): Promise<void> {
  const { store, rotation, now } = deps
  const state = await rotationState(store)
  if (state.status !== 'running') return
  const { rotationId, rootKeyId } = state
  const at = () => now().toISOString()
  const cause = (await causeIn(store, ROTATION_STREAM, ['KeyRotationStarted'])) ?? {
    ...{ correlationId: rotationId, causationId: rotationId },
  }
  const context = (tenantId: string) => ({ tenantId, actorId: 'system:privacy', ...cause })
  await rotation.rotateRootKey(rootKeyId, signal)
  for (const tenantId of await rotation.tenants()) {
    const keyId = uuidOf(`${rotationId}/${tenantId}`, DATA_KEY_NAMESPACE)
    await rotation.rotateTenantKey(tenantId, keyId, signal)
    const record = { type: 'RecordDataKey', rotationId, keyId, now: at() } as const
    await execute(store, dataKeys, dataKeysStream(tenantId), record, context(tenantId))
  }
  await rotation.destroyUnused(rootKeyId)
  const complete = { type: 'CompleteKeyRotation', rotationId, now: at() } as const
  await execute(store, keyRotation, ROTATION_STREAM, complete, context(OPERATING_TENANT))
}

export async function rotationState(store: EventStore): Promise<KeyRotationState> {
  return (await load(store, keyRotation, ROTATION_STREAM)).state
}
