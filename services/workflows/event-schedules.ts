import type { WorkflowDocument } from '../../domain/workflows/document.ts'
import type { WorkflowEvent } from '../../domain/workflows/events.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'
import type { ScheduleKey } from '../ports/run-waits.ts'

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
  readonly tenantId: string
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

  /** As it was there: what came since is told by `apply`. */
  async load(log: EventStore, through: Position): Promise<void> {
    for await (const event of log.readAll({ types: DEFINITION_EVENTS })) {
      if (event.position > through) return
      this.apply(event)
    }
  }

  /** @returns the workflow that is another one now; undefined when it was no such event. */
  apply(recorded: RecordedEvent): ScheduleKey | undefined {
    const { type, data, stream, tenantId, position, fault } = recorded
    if (fault !== undefined || !wanted.has(type)) return undefined
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
    return { tenantId, workflow: `${event.data.namespace}.${event.data.name}` }
  }

  of(tenantId: string): readonly EventSchedule[] {
    return this.#inForce().filter((each) => each.tenantId === tenantId)
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

  #inForce(): readonly EventSchedule[] {
    return [...this.#byStream.values()].flatMap(({ tenantId, content, on, isEnabled, since }) =>
      on === undefined || !isEnabled ? [] : [{ ...content, tenantId, on, since }],
    )
  }
}
