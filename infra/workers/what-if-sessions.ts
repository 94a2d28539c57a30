import { eventDefinition } from '../../domain/event-catalogue.ts'
import { upcast } from '../../domain/kernel/upcast.ts'
import { type RuleEvent, ruleEventOf } from '../../domain/rules/rule-event.ts'
import { WhatIf, type WhatIfFindings } from '../../domain/rules/what-if.ts'
import type {
  BeginWhatIf,
  ContinueWhatIf,
  EndWhatIf,
  EventHead,
} from '../../domain/rules/what-if-messages.ts'

// A what-if gets the log in parts, one task each, and keeps its rule's state in this thread between
// them: its pool has one thread. When that ends, the session is over.

const sessions = new Map<string, WhatIf>()

export function beginWhatIf({ session, ...begin }: BeginWhatIf): void {
  const schemaOf = (type: string) => eventDefinition(type)?.definition.versions.at(-1)
  sessions.set(session, new WhatIf(begin, schemaOf))
}

/** @throws {Error} when this thread does not know the session. */
export function continueWhatIf({ session, events }: ContinueWhatIf): WhatIfFindings {
  const whatIf = sessions.get(session)
  if (whatIf === undefined) throw new Error('The thread of this preview has ended.')
  return whatIf.take(eventsIn(JSON.parse(events)))
}

export function endWhatIf({ session }: EndWhatIf): void {
  sessions.delete(session)
}

function* eventsIn(parts: readonly unknown[]): Iterable<RuleEvent> {
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const [position, schemaVersion, type, eventId, stream, time, actorId, causationId] = parts[
      index
    ] as EventHead
    const stored = parts[index + 1] as RuleEvent['data']
    const definition = eventDefinition(type)?.definition
    const data = definition === undefined ? stored : upcast(definition, schemaVersion, stored)
    const meta = { eventId, stream, position: BigInt(position), time, actorId, causationId }
    yield ruleEventOf({ ...meta, type, data })
  }
}
