import type { WorkflowDocument } from '../../domain/workflows/document.ts'
import type { WorkflowEvent } from '../../domain/workflows/events.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'

/** Events that say which workflows an event starts. */
export const DEFINITION_EVENTS = [
  'WorkflowDefined',
  'WorkflowRevised',
  'WorkflowEnabled',
  'WorkflowDisabled',
  'WorkflowRemoved',
] as const satisfies readonly WorkflowEvent['type'][]

const wanted: ReadonlySet<string> = new Set(DEFINITION_EVENTS)

type Content = Pick<
  Extract<WorkflowEvent, { readonly type: 'WorkflowDefined' }>['data'],
  'namespace' | 'name' | 'version' | 'owner'
>

/** A workflow whose `schedule.on` is in force. */
export type EventSchedule = Content & {
  readonly on: NonNullable<NonNullable<WorkflowDocument['schedule']>['on']>
  /** Earlier events do not start it. */
  readonly since: Position
}

type Entry = {
  readonly isEnabled: boolean
  readonly content: Content
  readonly on: EventSchedule['on'] | undefined
  readonly since: Position
}

/** A workflow whose runs cause what starts it would never end: so many within one correlation. */
const MAX_STARTS = 1_000
const MAX_CORRELATIONS = 10_000

/** The workflows that events start, as the log tells it. */
export class EventSchedules {
  readonly #byStream = new Map<string, Entry & { readonly tenantId: string }>()

  readonly #starts = new Map<string, number>()

  async load(log: EventStore): Promise<void> {
    for await (const event of log.readAll({ types: DEFINITION_EVENTS })) this.apply(event)
  }

  /** @returns whether it was such an event. */
  apply({ type, data, stream, tenantId, position, fault }: RecordedEvent): boolean {
    if (fault !== undefined || !wanted.has(type)) return false
    const event = { type, data } as WorkflowEvent
    const before = this.#byStream.get(stream)
    switch (event.type) {
      case 'WorkflowDefined':
      case 'WorkflowRevised': {
        const { namespace, name, version, owner, document } = event.data
        const { on } = (document as unknown as WorkflowDocument).schedule ?? {}
        const isEnabled = event.type === 'WorkflowDefined' || (before?.isEnabled ?? true)
        const content = { namespace, name, version, owner }
        this.#byStream.set(stream, { tenantId, content, on, isEnabled, since: position })
        break
      }
      case 'WorkflowEnabled':
      case 'WorkflowDisabled':
        if (before !== undefined) {
          const isEnabled = event.type === 'WorkflowEnabled'
          this.#byStream.set(stream, { ...before, isEnabled, since: position })
        }
        break
      case 'WorkflowRemoved':
        this.#byStream.delete(stream)
    }
    return true
  }

  of(tenantId: string): readonly EventSchedule[] {
    return this.#inForce().flatMap(({ tenantId: each, ...schedule }) =>
      each === tenantId ? [schedule] : [],
    )
  }

  all(): readonly EventSchedule[] {
    return this.#inForce()
  }

  /** Counts the starts of the workflow within the correlation, as far as this process remembers. */
  mayStart(workflow: string, correlationId: string): boolean {
    const key = `${workflow}/${correlationId}`
    if (this.#starts.size >= MAX_CORRELATIONS) this.#starts.clear()
    const count = (this.#starts.get(key) ?? 0) + 1
    this.#starts.set(key, count)
    return count <= MAX_STARTS
  }

  #inForce() {
    return [...this.#byStream.values()].flatMap(({ tenantId, content, on, isEnabled, since }) =>
      on === undefined || !isEnabled ? [] : [{ ...content, tenantId, on, since }],
    )
  }
}
