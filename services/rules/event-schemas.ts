import { eventDefinition } from '../../domain/event-catalogue.ts'
import type { EventSchemas } from '../../domain/rules/rule-scope.ts'

/** Of the system's own events, as they are written now. */
export const eventSchemas: EventSchemas = (type) =>
  eventDefinition(type)?.definition.versions.at(-1)
