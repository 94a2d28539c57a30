import { analyticsEvents } from './analytics/events.ts'
import { customEvents } from './custom/events.ts'
import { gatewayEvents } from './gateway/events.ts'
import { identityEvents } from './identity/events.ts'
import { installerEvents } from './installer/events.ts'
import { type ContextEvents, currentVersion, type EventDefinition } from './kernel/upcast.ts'
import { operationsEvents } from './operations/events.ts'
import { privacyEvents } from './privacy/events.ts'
import { registryEvents } from './registry/events.ts'
import { rulesEvents } from './rules/events.ts'
import { webhooksEvents } from './webhooks/events.ts'
import { workflowsEvents } from './workflows/events.ts'

/** Every event type, by bounded context. Type names are unique in the system. */
export const eventCatalogue: Readonly<Record<string, ContextEvents>> = {
  identity: identityEvents,
  registry: registryEvents,
  installer: installerEvents,
  gateway: gatewayEvents,
  analytics: analyticsEvents,
  operations: operationsEvents,
  privacy: privacyEvents,
  webhooks: webhooksEvents,
  custom: customEvents,
  workflows: workflowsEvents,
  rules: rulesEvents,
}

const byType: ReadonlyMap<string, { context: string; definition: EventDefinition }> = new Map(
  Object.entries(eventCatalogue).flatMap(([context, events]) =>
    Object.entries(events).map(([type, definition]) => [type, { context, definition }] as const),
  ),
)

/** @returns undefined for a type that this program does not know. */
export function eventDefinition(
  type: string,
): { readonly context: string; readonly definition: EventDefinition } | undefined {
  return byType.get(type)
}

/** Whether a newer program wrote it, in a version that this one cannot read. */
export function isOfNewerProgram(event: {
  readonly type: string
  readonly schemaVersion: number
}): boolean {
  const known = eventDefinition(event.type)
  return known !== undefined && event.schemaVersion > currentVersion(known.definition)
}
