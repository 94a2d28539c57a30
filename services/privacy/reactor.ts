import { subjectStream } from '../../domain/privacy/subject.ts'
import { causeIn } from '../kernel/cause.ts'
import { withCorrelation } from '../kernel/correlation.ts'
import type { DeliveredMessage, MessageBus } from '../ports/message-bus.ts'
import { type ErasureDeps, finishErasure } from './erasure.ts'

const REQUESTED = 'SubjectErasureRequested'

export type PrivacyReactorDeps = ErasureDeps & { readonly bus: Pick<MessageBus, 'subscribe'> }

/** Finishes the erasures that a process which died left half-done, until `signal` aborts. */
export async function runPrivacyReactor(
  deps: PrivacyReactorDeps,
  signal: AbortSignal,
): Promise<void> {
  await deps.bus.subscribe(
    { durable: 'privacy-erasure', subjects: [`tidemark.*.privacy.${REQUESTED}`], signal },
    (message) => finish(deps, message),
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
