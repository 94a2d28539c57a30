import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })

const NAME = '[A-Z][A-Za-z0-9]{0,63}'

export const customName = Type.String({
  pattern: `^${NAME}$`,
  description: 'of a tenant’s own event type, for example InvoicePaid',
})
export const customSubject = Type.String({
  minLength: 1,
  maxLength: 300,
  description: 'whom or what the event is about',
})
const version = Type.Integer({ minimum: 1, description: 'of the type: each schema is one' })

export const CustomEventTypeRegisteredV1 = Type.Object(
  {
    name: customName,
    version,
    schema: Type.Record(Type.String(), Type.Unknown(), {
      description: 'JSON Schema, draft-07, of the events’ data',
    }),
    registeredAt: instant,
  },
  { $id: 'custom.CustomEventTypeRegistered.v1', additionalProperties: false },
)

export const CustomEventEmittedV1 = Type.Object(
  {
    name: customName,
    version,
    subject: Type.Optional(customSubject),
    data: Type.Record(Type.String(), Type.Unknown()),
    emittedAt: instant,
  },
  { $id: 'custom.CustomEventEmitted.v1', additionalProperties: false },
)

export type CustomEvent =
  | EventOf<'CustomEventTypeRegistered', typeof CustomEventTypeRegisteredV1>
  | EventOf<'CustomEventEmitted', typeof CustomEventEmittedV1>

export const customEvents = {
  CustomEventTypeRegistered: firstVersion(CustomEventTypeRegisteredV1),
  CustomEventEmitted: firstVersion(CustomEventEmittedV1),
}

const EMITTED = 'CustomEventEmitted'
const SHOWN = 'custom.'

/** The type that is shown outside: `custom.<Name>` for an event of a tenant's own type. */
export function shownType({
  type,
  data,
}: {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}): string {
  return type === EMITTED && typeof data.name === 'string' ? `${SHOWN}${data.name}` : type
}

const CUSTOM_TYPE = new RegExp(`^${SHOWN.replace('.', '\\.')}${NAME}$`)

/** Whether a type that is shown outside is one of a tenant's own, or may become one. */
export function isCustomType(shown: string): boolean {
  return shown.startsWith(SHOWN) && CUSTOM_TYPE.test(shown)
}

/** What the log knows events by that are shown with this type. */
export function loggedType(shown: string): string {
  return isCustomType(shown) ? EMITTED : shown
}

/** Of a type that is shown outside. */
export function customNameOf(shown: string): string {
  return shown.slice(SHOWN.length)
}
