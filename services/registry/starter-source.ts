import { source, sourceStream } from '../../domain/registry/source.ts'
import { execute, load } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'

const SOURCE_ID = 'starter'
const HOUR_S = 3_600

/** Name of the snapshot that ships with the program, for `FileUpstreamOptions.builtIn`. */
export const STARTER_NAME = 'starter'
export const STARTER_FILE = new URL('./starter-catalogue.json', import.meta.url)

/** Gives a new tenant something to find. A tenant that removed this source does not get it back. */
export async function ensureStarterSource(
  { events, now }: { readonly events: EventStore; readonly now: () => Date },
  tenantId: string,
): Promise<void> {
  const stream = sourceStream(tenantId, SOURCE_ID)
  const { state } = await load(events, source, stream)
  if (state.status !== 'absent') return
  await execute(
    events,
    source,
    stream,
    {
      type: 'AddSource',
      sourceId: SOURCE_ID,
      name: 'Starter catalogue',
      kind: 'file',
      location: `builtin:${STARTER_NAME}`,
      syncIntervalSeconds: HOUR_S,
      now: now().toISOString(),
    },
    {
      tenantId,
      actorId: 'system:start',
      correlationId: 'start',
      causationId: 'start',
    },
  )
}
