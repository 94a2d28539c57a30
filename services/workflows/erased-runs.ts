import type { MessageBus } from '../ports/message-bus.ts'
import type { PayloadFiles } from '../ports/payload-files.ts'

export type ErasedRunsDeps = {
  readonly bus: Pick<MessageBus, 'subscribe'>
  readonly payloads: PayloadFiles
}

/**
 * Removes the large values of runs that were erased, until `signal` aborts. Nobody can read them any
 * more by then: their key is gone.
 */
export async function removeErasedRuns(
  { bus, payloads }: ErasedRunsDeps,
  signal: AbortSignal,
): Promise<void> {
  await bus.subscribe(
    { durable: 'workflows-erased', subjects: ['tidemark.*.privacy.SubjectErased'], signal },
    async ({ subject, data }) => {
      const [, tenantId = ''] = subject.split('.')
      await payloads.removeAll(tenantId, String(data.subjectId))
    },
  )
}
