import {
  erasureOwed,
  type SubjectState,
  subject,
  subjectStream,
} from '../../domain/privacy/subject.ts'
import { type CommandContext, type Executed, execute, load } from '../kernel/execute.ts'
import { react } from '../kernel/react.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { SubjectKeys } from '../ports/subject-keys.ts'

export type ErasureDeps = {
  readonly store: EventStore
  readonly keys: SubjectKeys
  readonly now: () => Date
}

/**
 * Erases a person's data: records that it is owed, destroys the key, records that it is done.
 * What a crash in between leaves is owed by the stream; `finishErasure` goes on with it.
 *
 * @throws {ProblemError} `subject-unknown`.
 */
export async function eraseSubject(
  deps: ErasureDeps,
  subjectId: string,
  context: CommandContext,
): Promise<Executed<SubjectState>> {
  const { store, keys, now } = deps
  const stream = subjectStream(context.tenantId, subjectId)
  const known = await keys.knows(context.tenantId, subjectId)
  const request = { type: 'RequestErasure', subjectId, known, now: now().toISOString() } as const
  await execute(store, subject, stream, request, context)
  await finishErasure(deps, subjectId, context)
  return await load(store, subject, stream)
}

/** Destroys what is still owed to be destroyed, and records it; without anything owed it does nothing. */
export async function finishErasure(
  { store, keys, now }: ErasureDeps,
  subjectId: string,
  context: CommandContext,
): Promise<void> {
  const destroy = async (owed: string) => {
    await keys.destroy(context.tenantId, owed)
    return { type: 'RecordErasure', now: now().toISOString() } as const
  }
  const stream = subjectStream(context.tenantId, subjectId)
  await react(store, subject, erasureOwed, destroy, stream, context)
}
