import { SUBSCRIPTION_ID_META_KEY } from '@modelcontextprotocol/server'
import type { FastifyReply } from 'fastify'
import { isRecord } from '../../domain/kernel/json.ts'
import type { JsonObject } from '../ports/mcp-upstream.ts'
import type { Caller } from './call-log.ts'
import { EventStream } from './event-stream.ts'
import { notificationText, RPC, type RpcError, type RpcRequest, resultText } from './json-rpc.ts'
import type { Announcement, ServerProcesses } from './server-processes.ts'

const MAX_STREAMS_PER_CALLER = 64

/** Member of a 2026-07-28 subscription filter that each announcement belongs to. */
const FILTERS: Readonly<Record<string, string>> = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
}

type Subscriber = {
  readonly caller: Caller
  readonly installationId: string
  readonly stream: EventStream
  readonly deliver: (announcement: Announcement) => void
  readonly finish: () => void
}

/** The streams on which clients hear that a server's lists have changed. */
export class Subscriptions {
  readonly #open = new Set<Subscriber>()
  readonly #unsubscribe: () => void

  constructor(processes: Pick<ServerProcesses, 'onAnnouncement'>) {
    this.#unsubscribe = processes.onAnnouncement((announcement) => this.#publish(announcement))
  }

  isFull({ tenantId, actorId }: Caller): boolean {
    const own = [...this.#open].filter(
      ({ caller }) => caller.tenantId === tenantId && caller.actorId === actorId,
    )
    return own.length >= MAX_STREAMS_PER_CALLER
  }

  /** The stream of a session of up to 2025-11-25. */
  openSessionStream(
    caller: Caller,
    installationId: string,
    reply: FastifyReply,
    onClose: () => void,
  ): EventStream {
    const stream = this.#stream(reply, () => [subscriber, onClose])
    const subscriber: Subscriber = {
      caller,
      installationId,
      stream,
      deliver: ({ method, params }) => stream.send(notificationText(method, params)),
      finish: () => undefined,
    }
    this.#open.add(subscriber)
    return stream
  }

  /**
   * `subscriptions/listen` of 2026-07-28: first says what it will tell, then tells it.
   *
   * @returns an error instead when the request is not one.
   */
  listen(
    caller: Caller,
    installationId: string,
    { id, params }: RpcRequest,
    reply: FastifyReply,
  ): RpcError | undefined {
    const wanted = params.notifications
    if (!isRecord(wanted))
      return { code: RPC.invalidParams, message: 'params.notifications must be an object.' }
    const honoured = honouredPart(wanted as JsonObject)
    const tag = { [SUBSCRIPTION_ID_META_KEY]: id }
    const stream = this.#stream(reply, () => [subscriber])
    const subscriber: Subscriber = {
      caller,
      installationId,
      stream,
      deliver({ method, params: news }) {
        if (honoured[FILTERS[method] ?? ''] !== true) return
        const _meta = { ...(news._meta as JsonObject | undefined), ...tag }
        stream.send(notificationText(method, { ...news, _meta }))
      },
      finish: () => stream.send(resultText(id, { resultType: 'complete', _meta: tag })),
    }
    this.#open.add(subscriber)
    const acknowledgement = { notifications: honoured, _meta: tag }
    stream.send(notificationText('notifications/subscriptions/acknowledged', acknowledgement))
    return undefined
  }

  close(): void {
    this.#unsubscribe()
    for (const { finish, stream } of this.#open) {
      finish()
      stream.disconnect()
    }
  }

  #stream(
    reply: FastifyReply,
    own: () => readonly [subscriber: Subscriber, onClose?: () => void],
  ): EventStream {
    return new EventStream(reply, () => {
      const [subscriber, onClose] = own()
      this.#open.delete(subscriber)
      onClose?.()
    })
  }

  #publish(announcement: Announcement): void {
    if (FILTERS[announcement.method] === undefined) return
    for (const subscriber of this.#open)
      if (
        subscriber.caller.tenantId === announcement.tenantId &&
        subscriber.installationId === announcement.installationId
      )
        subscriber.deliver(announcement)
  }
}

function honouredPart(wanted: JsonObject): Readonly<Record<string, true>> {
  const honoured: Record<string, true> = {}
  for (const member of Object.values(FILTERS)) if (wanted[member] === true) honoured[member] = true
  return honoured
}
