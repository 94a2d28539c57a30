import { v4 as randomUuid } from 'uuid'
import { customStream, customType, customTypeStream } from '../../domain/custom/custom-type.ts'
import { type CommandContext, execute, load } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore, Position } from '../ports/event-store.ts'
import { requireFit, requireSchema } from './custom-schema.ts'

export type CustomDeps = { readonly store: EventStore; readonly now: () => Date }

type Json = Readonly<Record<string, unknown>>

/** Of an event's data as JSON. */
const MAX_DATA_LENGTH = 65_536

/** @throws {ProblemError} 422 `custom-schema-invalid`, `custom-schema-too-large` */
export async function registerType(
  { store, now }: CustomDeps,
  { name, schema }: { readonly name: string; readonly schema: Json },
  context: CommandContext,
): Promise<{ readonly version: number; readonly position: Position }> {
  const at = now().toISOString()
  const command = { type: 'RegisterCustomEventType', name, schema, now: at } as const
  const decision = customType.decide(customType.initial, command)
  if (decision.outcome === 'accepted') requireSchema(schema)
  const stream = customTypeStream(context.tenantId, name)
  const { state, position } = await execute(store, customType, stream, command, context)
  return { version: state.status === 'registered' ? state.version : 0, position }
}

export type Emission = {
  readonly name: string
  readonly data: Json
  readonly subject?: string | undefined
}

/**
 * Emitting again under the same `commandId`, a UUID, is the same event.
 *
 * @throws {ProblemError} 404 `custom-type-unknown`, 422 `custom-data-invalid`
 */
export async function emit(
  { store, now }: CustomDeps,
  { name, data, subject }: Emission,
  { commandId: id = randomUuid(), ...context }: CommandContext,
): Promise<{ readonly eventId: string; readonly stream: string; readonly position: Position }> {
  const known = await load(store, customType, customTypeStream(context.tenantId, name))
  if (known.state.status === 'absent')
    throw problem(404, 'custom-type-unknown', `No event type "custom.${name}" is registered.`)
  if (JSON.stringify(data).length > MAX_DATA_LENGTH)
    throw problem(422, 'custom-data-invalid', `An event may have ${MAX_DATA_LENGTH} characters.`)
  const { version, schema } = known.state
  requireFit(name, schema, data)
  const stream = customStream(context.tenantId, name)
  const about = subject === undefined ? {} : { subject }
  const event = { name, version, ...about, data, emittedAt: now().toISOString() }
  const appended = await store.append(
    stream,
    [{ id, type: 'CustomEventEmitted', data: event }],
    'any',
    context,
  )
  return { eventId: id, stream, position: appended.position }
}
