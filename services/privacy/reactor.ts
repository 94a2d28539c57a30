import { subjectStream } from '../../domain/privacy/subject.ts'
import { causeIn } from '../kernel/cause.ts'
import { withCorrelation } from '../kernel/correlation.ts'
import { untilDone } from '../kernel/until-done.ts'
import type { Logger } from '../ports/logger.ts'
import type { DeliveredMessage, MessageBus } from '../ports/message-bus.ts'
import { type ErasureDeps, finishErasure } from './erasure.ts'
import { carryOutRotation, type RotationDeps } from './rotation.ts'

const REQUESTED = 'SubjectErasureRequested'
/** Before an interrupted rotation is looked for again. */
const RESUME_AGAIN_MS = 1_000

export type PrivacyReactorDeps = ErasureDeps &
  RotationDeps & { readonly bus: Pick<MessageBus, 'subscribe'>; readonly logger: Logger }

/**
 * Finishes erasures that a process which died left half-done, and carries out rotations of keys,
 * until `signal` aborts.
 */
export async function runPrivacyReactor(
  deps: PrivacyReactorDeps,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const resumed = resume(deps, either)
  const subscribe = (
    durable: string,
    type: string,
    handle: Parameters<MessageBus['subscribe']>[1],
  ) =>
    deps.bus
      .subscribe(
        { durable, subjects: [`tidemark.*.privacy.${type}`], signal: either, maxInFlight: 1 },
        handle,
      )
      .finally(() => ended.abort())
  try {
    await Promise.all([
      subscribe('privacy-erasure', REQUESTED, (message) => finish(deps, message)),
      subscribe('privacy-rotation', 'KeyRotationStarted', () => carryOutRotation(deps, either)),
    ])
  } finally {
    await resumed
  }
}

/** What a process that died left goes on at once, not when its message comes again. Never rejects. */
async function resume(deps: PrivacyReactorDeps, signal: AbortSignal): Promise<void> {
  await untilDone(
    () => carryOutRotation(deps, signal),
    () => RESUME_AGAIN_MS,
    signal,
    (error) => deps.logger.warn({ err: error }, 'A rotation of keys is interrupted.'),
  )
}

async function finish(deps: PrivacyReactorDeps, { subject, data }: DeliveredMessage) {
  const [, tenantId = ''] = subject.split('.')
  const subjectId = String(data.subjectId)
  const cause = await causeIn(deps.store, subjectStream(tenantId, subjectId), [REQUESTED])
  if (cause === undefined) return
  await withCorrelation(cause.correlationId, () =>
    finishErasure(deps, subjectId, { tenantId, actorId: 'system:privacy', ...cause }),
  )
}
