import { operationsEvents } from '../../domain/operations/events.ts'
import {
  nextAction,
  type RebuildCommand,
  type RebuildOwed,
  rebuild,
} from '../../domain/operations/rebuild.ts'
import { OPERATING_TENANT } from '../kernel/actor.ts'
import { causeIn } from '../kernel/cause.ts'
import { execute, load } from '../kernel/execute.ts'
import { untilDone } from '../kernel/until-done.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { ReadModelRebuilder, RebuildOutcome } from '../ports/read-model-rebuilder.ts'

const RETRY_MS = 1_000

export type RebuildsDeps = {
  readonly store: EventStore
  readonly rebuilder: ReadModelRebuilder
  readonly now: () => Date
  readonly logger: Logger
}

/**
 * Does the rebuilds that were asked for, until `signal` aborts. It follows the log itself instead
 * of the bus: rebuilding has to work also when little else does. What is owed is what the streams
 * say, so that a request survives any restart; where several processes hear of it, one does it.
 */
export async function runRebuilds(deps: RebuildsDeps, signal: AbortSignal): Promise<void> {
  const types = Object.keys(operationsEvents)
  const working = new Map<string, Promise<void>>()
  for await (const { events } of deps.store.follow({ after: 0n, signal, types }))
    for (const stream of new Set(events.map((event) => event.stream))) {
      const before = working.get(stream) ?? Promise.resolve()
      working.set(
        stream,
        before.then(() => settle(deps, stream, signal)),
      )
    }
  await Promise.all(working.values())
}

/** Does what the stream says is owed, however often it takes. */
async function settle(deps: RebuildsDeps, stream: string, signal: AbortSignal): Promise<void> {
  await untilDone(
    () => settleOnce(deps, stream, signal),
    () => RETRY_MS,
    signal,
    (error) => deps.logger.warn({ stream, err: error }, 'rebuild is interrupted'),
  )
}

async function settleOnce(deps: RebuildsDeps, stream: string, signal: AbortSignal): Promise<void> {
  const { store, rebuilder, now } = deps
  const owed = nextAction((await load(store, rebuild, stream)).state)
  if (owed === undefined) return
  const stillOwed = async () =>
    nextAction((await load(store, rebuild, stream)).state)?.rebuildId === owed.rebuildId
  const outcome = await rebuilder.rebuild(owed.readModel, stillOwed, signal)
  const command = commandFor(owed, outcome, now().toISOString())
  if (command === undefined) return
  const cause = await causeIn(store, stream, ['ReadModelRebuildRequested'])
  await execute(store, rebuild, stream, command, {
    ...{ tenantId: OPERATING_TENANT, actorId: 'projector' },
    correlationId: cause?.correlationId ?? owed.rebuildId,
    causationId: cause?.causationId ?? owed.rebuildId,
  })
}

function commandFor(
  { rebuildId }: RebuildOwed,
  outcome: RebuildOutcome,
  now: string,
): RebuildCommand | undefined {
  switch (outcome.outcome) {
    case 'rebuilt': {
      const { version, position, events, durationMs } = outcome
      const built = { version, position: position.toString(), events, durationMs }
      return { type: 'CompleteRebuild', rebuildId, ...built, now }
    }
    case 'failed':
      return { type: 'FailRebuild', rebuildId, cause: outcome.cause, now }
    case 'not-wanted':
      return undefined
  }
}
