import pRetry from 'p-retry'
import { v4 as randomUuid } from 'uuid'
import type { ActiveVersion } from '../../domain/gateway/active-version.ts'
import type { GatewayEvent } from '../../domain/gateway/events.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import type { AppendContext, EventStore, NewEvent } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { UpstreamEnd } from '../ports/mcp-upstream.ts'
import type { SandboxKind } from '../ports/sandbox.ts'

/** What acts when nobody asked. */
export const GATEWAY_ACTOR = 'system:gateway'

type Stopped = Extract<GatewayEvent, { readonly type: 'ServerProcessStopped' }>['data']
export type StopReason = Stopped['reason']

export type ProcessRun = {
  readonly processId: string
  readonly startedAt: Date
  readonly stopped: (reason: StopReason, end: UpstreamEnd) => void
}

/** Records the runs of server processes, one stream a run, without holding up their callers. */
export type ProcessJournal = AsyncDisposable & {
  readonly started: (tenantId: string, server: ActiveVersion, sandbox: SandboxKind) => ProcessRun
}

export type ProcessJournalDeps = {
  readonly store: EventStore
  readonly now: () => Date
  readonly logger: Logger
}

/** @param deps.store when it stays away, an event is given up and logged: the log is what is missing then. */
export function createProcessJournal({ store, now, logger }: ProcessJournalDeps): ProcessJournal {
  const pending = new Set<Promise<void>>()

  /** In order: the second event of a run waits for the first. */
  function append(
    tenantId: string,
    processId: string,
    previous: Promise<void>,
    event: GatewayEvent,
    expected: 'no-stream' | 0n,
  ): Promise<void> {
    const stream = streamName('process', tenantId, processId)
    const recorded: NewEvent = { id: randomUuid(), ...event }
    const context = contextOf(tenantId, processId)
    const appended = previous
      .then(() => pRetry(() => store.append(stream, [recorded], expected, context), { retries: 6 }))
      .then(
        () => undefined,
        (error: unknown) => logger.error({ error, stream }, `${event.type} was not recorded`),
      )
      .finally(() => pending.delete(appended))
    pending.add(appended)
    return appended
  }

  return {
    started(tenantId, { installationId, version }, sandbox) {
      const processId = randomUuid()
      const startedAt = now()
      const started = append(
        tenantId,
        processId,
        Promise.resolve(),
        {
          type: 'ServerProcessStarted',
          data: { installationId, processId, version, sandbox, startedAt: startedAt.toISOString() },
        },
        'no-stream',
      )
      return {
        processId,
        startedAt,
        stopped(reason, { exitCode, detail }) {
          const stoppedAt = now()
          const data: Stopped = {
            installationId,
            processId,
            reason,
            ...(exitCode === undefined ? {} : { exitCode }),
            ...(detail === undefined ? {} : { detail }),
            ranMs: Math.max(0, stoppedAt.getTime() - startedAt.getTime()),
            stoppedAt: stoppedAt.toISOString(),
          }
          void append(tenantId, processId, started, { type: 'ServerProcessStopped', data }, 0n)
        },
      }
    },

    async [Symbol.asyncDispose]() {
      await Promise.all(pending)
    },
  }
}

function contextOf(tenantId: string, processId: string): AppendContext {
  return {
    tenantId,
    actorId: GATEWAY_ACTOR,
    correlationId: processId,
    causationId: processId,
  }
}
