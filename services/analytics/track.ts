import { isDeepStrictEqual } from 'node:util'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { v4 as randomUuid, v5 as uuidOf } from 'uuid'
import type { AnalyticsEvent } from '../../domain/analytics/events.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import { appendContext } from '../kernel/actor.ts'
import { problem } from '../kernel/problem.ts'
import { refuseUnreadable } from '../kernel/readable.ts'
import type { EventStore, NewEvent, Position } from '../ports/event-store.ts'
import type { TrackBody, Tracked } from './schemas.ts'

/** Namespace of ids that follow from an idempotency key (RFC 9562, version 5). */
const KEY_NAMESPACE = 'a4f4a5e2-5a3f-4d3b-8f4e-0f8f3f9a6d21'

const MINUTE_MS = 60_000
/** Clocks differ; more than this is no difference of clocks. */
const MAX_AHEAD_MS = 5 * MINUTE_MS
const MAX_AGE_MS = 31 * 24 * 60 * MINUTE_MS

type Use = AnalyticsEvent['data']

/**
 * Records uses, all or none, in a stream of their own: it is new, so the append is exact and a
 * retry with the same key finds it, whichever process answers.
 *
 * @throws {ProblemError} 422 when the key was used for other uses, or a time is out of range.
 */
export async function track(
  store: EventStore,
  request: FastifyRequest,
  body: Static<typeof TrackBody>,
  key: string | undefined,
  now: Date,
): Promise<Position> {
  const { tenantId, actorId } = request.actor
  const asked: readonly Static<typeof Tracked>[] = Array.isArray(body) ? body : [body]
  const id =
    key === undefined ? randomUuid() : uuidOf(`${tenantId}/${actorId}/${key}`, KEY_NAMESPACE)
  const stream = streamName('usage', tenantId, id)
  if (key !== undefined) {
    const before = await recorded(store, stream, asked)
    if (before !== undefined) return before
  }
  const events = asked.map(
    (use, index): NewEvent => ({
      id: uuidOf(`use/${index}`, id),
      type: 'UsageTracked',
      data: useOf(use, now),
    }),
  )
  const { position } = await store.append(stream, events, 'no-stream', appendContext(request))
  return position
}

function useOf({ serviceId, tool, ...rest }: Static<typeof Tracked>, now: Date): Use {
  const occurredAt = rest.occurredAt ?? now.toISOString()
  const aheadMs = Date.parse(occurredAt) - now.getTime()
  if (aheadMs > MAX_AHEAD_MS || aheadMs < -MAX_AGE_MS)
    throw problem(
      422,
      'occurred-at-out-of-range',
      'A use may be 31 days old and not in the future.',
    )
  // A lone surrogate has no UTF-8 form: it would be another name in every table.
  return { ...rest, occurredAt, serviceId: wellFormed(serviceId), tool: wellFormed(tool) }
}

const LONE_SURROGATES = /\p{Cs}/gu

function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATES, '\uFFFD')
}

/** @returns where the same uses were recorded before; undefined when they were not. */
async function recorded(
  store: EventStore,
  stream: string,
  asked: readonly Static<typeof Tracked>[],
): Promise<Position | undefined> {
  const found: Use[] = []
  let position: Position | undefined
  for await (const event of store.readStream(stream)) {
    refuseUnreadable(event)
    found.push(event.data as Use)
    position = event.position
  }
  if (position === undefined) return undefined
  const same = found.length === asked.length && found.every((use, at) => isSame(use, asked[at]))
  if (same) return position
  throw problem(422, 'idempotency-key-reused', 'This key was used for another request.')
}

/** A time that the caller left out was filled in then. */
function isSame(use: Use, asked: Static<typeof Tracked> | undefined): boolean {
  if (asked === undefined) return false
  const { serviceId, tool } = asked
  const names = { serviceId: wellFormed(serviceId), tool: wellFormed(tool) }
  return isDeepStrictEqual(use, { ...use, ...asked, ...names })
}
