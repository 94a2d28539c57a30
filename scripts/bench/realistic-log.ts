import { createHash, randomUUID } from 'node:crypto'
import type { EventStore, NewEvent } from '../../services/ports/event-store.ts'
import { BENCH_CONTEXT, usageEvent } from './stage.ts'

const GROUP = 1_000
const INSTALLATIONS = 500
/** Of ten groups. */
const CALLS = 6
const USES = 3
const ENTRIES = 1

/** Events of one round; a log has so many, or a multiple of it. */
const ROUND = (CALLS + USES + ENTRIES) * GROUP

/**
 * A log as a busy team leaves it: of ten events six are tool calls, three are reported uses and
 * one is a new entry of the catalogue, each kind in groups and streams such as the program writes.
 */
export async function fillRealistically(store: EventStore, count: number): Promise<void> {
  for (let from = 0; from < count; from += ROUND) {
    const use = (index: number) => usageEvent(randomUUID(), from + index)
    await appendGroups(store, 'calls', CALLS, (index) => toolCalled(from + index))
    await appendGroups(store, 'usage', USES, use)
    await appendEntries(store, (from / ROUND) * GROUP)
  }
}

async function appendGroups(
  store: EventStore,
  category: string,
  groups: number,
  eventAt: (index: number) => NewEvent,
): Promise<void> {
  const stream = `${category}-bench.${randomUUID()}`
  let last: bigint | 'no-stream' = 'no-stream'
  for (let group = 0; group < groups; group++) {
    const events = Array.from({ length: GROUP }, (_, index) => eventAt(group * GROUP + index))
    last = (await store.append(stream, events, last, BENCH_CONTEXT)).revision
  }
}

/** An entry has a stream of its own; appends at the same time share a transaction. */
async function appendEntries(store: EventStore, from: number): Promise<void> {
  await Promise.all(
    Array.from({ length: GROUP }, (_, index) => {
      const event = entryAdded(from + index)
      const stream = `entry-bench.${event.id}`
      return store.append(stream, [event], 'no-stream', BENCH_CONTEXT)
    }),
  )
}

function toolCalled(index: number): NewEvent {
  const installation = index % INSTALLATIONS
  return {
    id: randomUUID(),
    type: 'ToolCalled',
    data: {
      installationId: `00000000-0000-4000-8000-${String(installation).padStart(12, '0')}`,
      serverName: `io.example/server-${installation}`,
      version: `1.${index % 7}.0`,
      tool: `tool-${index % 30}`,
      durationMs: (index * 7919) % 2_000,
      outcome: index % 20 === 0 ? 'tool-error' : 'ok',
      requestBytes: 100 + (index % 900),
      responseBytes: 200 + (index % 5_000),
      calledAt: instantOf(index),
    },
  }
}

function entryAdded(index: number): NewEvent {
  const name = `io.example/server-${index}`
  const version = '1.0.0'
  const time = instantOf(index)
  const entry = {
    server: {
      name,
      version,
      description: `Server number ${index}: files, mail and calendars for team ${index % 997}`,
      packages: [
        {
          registryType: 'npm',
          identifier: `@example/server-${index}`,
          version,
          transport: { type: 'stdio' },
        },
      ],
    },
    _meta: {
      'io.modelcontextprotocol.registry/official': {
        ...{ status: 'active', publishedAt: time, updatedAt: time, isLatest: true },
      },
    },
  }
  const contentHash = createHash('sha256').update(JSON.stringify(entry)).digest('hex')
  return {
    id: randomUUID(),
    type: 'CatalogueEntryAdded',
    data: { sourceId: 'bench', runId: RUN_ID, name, version, contentHash, entry, problems: [] },
  }
}

const RUN_ID = '00000000-0000-4000-8000-000000000000'

/** Within one month. */
function instantOf(index: number): string {
  return new Date(Date.UTC(2026, 0, 1) + (index % (30 * 86_400)) * 1_000).toISOString()
}
