import { loggedType, shownType } from '../../domain/custom/events.ts'
import { webhooksEvents } from '../../domain/webhooks/events.ts'
import {
  type KnownWebhook,
  type ReplaySelection,
  webhookStream,
} from '../../domain/webhooks/webhook.ts'
import type {
  DeliveryLedger,
  EventPlace,
  Replay,
  ReplayRequest,
  WebhookKey,
} from '../ports/delivery-ledger.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'

export type IntakeDeps = {
  readonly events: EventStore
  readonly ledger: DeliveryLedger
  readonly now: () => Date
}

export type Intake = {
  readonly key: WebhookKey
  readonly webhook: KnownWebhook
  /** Events after this one are the webhook's. */
  readonly registeredAt: Position
  /** The log is known up to here. */
  readonly through: Position
  /** Owed deliveries at most. */
  readonly limit: number
}

/** `full`: there is more, when deliveries end. `more`: there is more. */
export type Taken = 'all' | 'full' | 'more'

/** Makes deliveries of what the webhook wants of the log, news before what is replayed. */
export async function takeIn(deps: IntakeDeps, intake: Intake): Promise<Taken> {
  const { ledger } = deps
  const { key, registeredAt, limit } = intake
  const { position, owed } = await ledger.progress(key, registeredAt)
  let room = limit - owed
  if (room <= 0) return 'full'
  const news = await takeNews(deps, intake, position, room)
  if (!news.complete) return 'more'
  room -= news.count
  for (const replay of await ledger.openReplays(key)) {
    if (room <= 0) return 'full'
    const taken = await takeReplay(deps, intake, replay, room)
    if (!taken.complete) return 'more'
    room -= taken.count
  }
  return 'all'
}

/** What the webhook's own stream asks for: to send at once what is owed, or something again. */
export async function takeRequests(
  { events, ledger, now }: IntakeDeps,
  { key, registeredAt }: Pick<Intake, 'key' | 'registeredAt'>,
): Promise<void> {
  const { handled } = await ledger.progress(key, registeredAt)
  for await (const event of events.readStream(webhookStream(key.tenantId, key.webhookId))) {
    const { position, type, data } = event
    if (position <= handled) continue
    if (type === 'WebhookResumed') await ledger.resume(key, position, now())
    if (type === 'WebhookReplayRequested')
      await ledger.replay(key, position, requestOf(data as ReplayData), now())
  }
}

type ReplayData = { readonly replayId: string; readonly selection: ReplaySelection }

function requestOf({ replayId, selection }: ReplayData): ReplayRequest {
  if (selection.kind === 'event') return selection
  const { kind, after, through } = selection
  return { kind, replayId, after: BigInt(after), through: BigInt(through) }
}

type Part = { readonly count: number; readonly complete: boolean }

async function takeNews(
  deps: IntakeDeps,
  { key, webhook, through }: Intake,
  from: Position,
  limit: number,
): Promise<Part> {
  const { places, last, complete } = await wanted(deps.events, key, webhook, { from, limit })
  const to = complete && through > last ? through : last
  if (to === from) return { count: 0, complete }
  const taken = await deps.ledger.enqueue(key, { from, to }, places, deps.now())
  return { count: places.length, complete: complete && taken }
}

async function takeReplay(
  deps: IntakeDeps,
  { key, webhook }: Intake,
  replay: Replay,
  limit: number,
): Promise<Part> {
  const { position: from, through } = replay
  const found = await wanted(deps.events, key, webhook, { from, limit, through })
  const to = found.complete ? through : found.last
  await deps.ledger.advanceReplay(key, replay, to, found.places, deps.now())
  return { count: found.places.length, complete: found.complete }
}

type Range = { readonly from: Position; readonly limit: number; readonly through?: Position }

/**
 * The events that the webhook wants, as places only: one event may have a megabyte. What webhooks
 * themselves cause is left out: two of them would keep each other busy for ever.
 */
async function wanted(
  events: EventStore,
  { tenantId }: WebhookKey,
  { types }: KnownWebhook,
  { from, limit, through }: Range,
): Promise<{ readonly places: EventPlace[]; readonly last: Position; readonly complete: boolean }> {
  const places: EventPlace[] = []
  let last = from
  let read = 0
  const logged = [...new Set(types.map(loggedType))]
  const filter = types.length === 0 ? { tenantId } : { tenantId, types: logged }
  for await (const event of events.readAll({ ...filter, from, limit })) {
    if (through !== undefined && event.position > through) return { places, last, complete: true }
    read += 1
    last = event.position
    if (Object.hasOwn(webhooksEvents, event.type) || !isNamed(types, event)) continue
    const { eventId, position, stream, revision, type } = event
    places.push({ eventId, position, stream, revision, type })
  }
  return { places, last, complete: read < limit }
}

/** @param types as they are shown; none = all. */
function isNamed(types: readonly string[], event: RecordedEvent): boolean {
  return types.length === 0 || types.includes(event.type) || types.includes(shownType(event))
}
