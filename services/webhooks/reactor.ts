import { setTimeout as delay } from 'node:timers/promises'
import { Slots } from '../kernel/slots.ts'
import type { WebhookKey } from '../ports/delivery-ledger.ts'
import type { Position } from '../ports/event-store.ts'
import type { HoldLease } from '../ports/lease.ts'
import type { AttemptDeps } from './attempt.ts'
import { enabledIn, type FollowedWebhook, KnownWebhooks } from './known-webhooks.ts'
import { Lanes } from './lanes.ts'
import type { DeliveryLimits } from './limits.ts'

const TEND_MS = 15_000

export type WebhookReactorDeps = AttemptDeps & {
  readonly limits: DeliveryLimits
  readonly hold: HoldLease
}

/**
 * Until `signal` aborts: makes what happens into deliveries, and sends them. Any number of
 * processes may run it, one of them works.
 *
 * @throws what the store or the ledger throw when they cannot be used.
 */
export async function runWebhookReactor(
  deps: WebhookReactorDeps,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) await deps.hold(signal, (held) => deliver(deps, held))
}

async function deliver(deps: WebhookReactorDeps, signal: AbortSignal): Promise<void> {
  const { events, limits } = deps
  const known = new KnownWebhooks()
  let through = await known.load(events)
  const calls = new AbortController()
  const slots = { well: new Slots(limits.calls), troubled: new Slots(limits.troubledCalls) }
  const lanes = new Lanes({ ...deps, slots, through: () => through, calls: calls.signal })
  const ended = new AbortController()
  const tending = tend(deps, known, AbortSignal.any([signal, ended.signal]))
  try {
    for (const each of known.all()) adopt(deps, lanes, each)
    while (!signal.aborted)
      await follow(deps, known, lanes, through, signal, (reached) => {
        through = reached
      })
  } finally {
    ended.abort()
    const grace = setTimeout(() => calls.abort(), limits.graceMs)
    await Promise.all([lanes.stop(), tending])
    clearTimeout(grace)
  }
}

/** Follows the log until the types that are wanted change, or `signal` aborts. */
async function follow(
  deps: WebhookReactorDeps,
  known: KnownWebhooks,
  lanes: Lanes,
  after: Position,
  signal: AbortSignal,
  reached: (through: Position) => void,
): Promise<void> {
  const types = known.types()
  const filter = types === undefined ? {} : { types }
  for await (const { events, through } of deps.events.follow({ ...filter, after, signal })) {
    const changed = new Map<string, FollowedWebhook>()
    for (const event of events) {
      const webhook = known.apply(event)
      if (webhook !== undefined) changed.set(event.stream, webhook)
    }
    reached(through)
    for (const webhook of changed.values()) adopt(deps, lanes, webhook)
    lanes.tellNews(known.all(), events)
    if (String(known.types()) !== String(types)) return
  }
  if (!signal.aborted) throw new Error('The event store was closed.')
}

/** A lane's last calls may take their time: nobody else waits for them. */
function adopt(deps: WebhookReactorDeps, lanes: Lanes, webhook: FollowedWebhook): void {
  lanes.follow(webhook)
  if (webhook.state.status === 'removed') void forget(deps, lanes, webhook.key)
}

/** What fails here is done at the next start: every webhook that was removed comes by again. */
async function forget(
  { ledger, logger, secrets }: WebhookReactorDeps,
  lanes: Lanes,
  key: WebhookKey,
): Promise<void> {
  try {
    await lanes.ended(key)
    await secrets.removeAll(key.tenantId, key.webhookId)
    await ledger.forget(key)
  } catch (error) {
    logger.warn({ ...key, err: error }, 'a removed webhook left something behind')
  }
}

/** Measures what is owed, and forgets what was delivered long ago. */
async function tend(
  { ledger, limits, logger, metrics, now }: WebhookReactorDeps,
  known: KnownWebhooks,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const enabled = new Set(
        known.all().flatMap(({ key, state }) => (enabledIn(state) ? [key.webhookId] : [])),
      )
      const owing = (await ledger.backlog()).filter(({ webhookId }) => enabled.has(webhookId))
      const oldest = Math.min(
        now().getTime(),
        ...owing.flatMap(({ oldestOwedAt }) => oldestOwedAt?.getTime() ?? []),
      )
      const owed = owing.reduce((sum, each) => sum + each.owed, 0)
      metrics.webhooksOwe(owed, (now().getTime() - oldest) / 1_000)
      await ledger.prune(new Date(now().getTime() - limits.keepDeliveredMs))
    } catch (error) {
      logger.warn({ err: error }, 'webhook deliveries could not be counted')
    }
    await delay(TEND_MS, undefined, { signal }).catch(() => {})
  }
}
