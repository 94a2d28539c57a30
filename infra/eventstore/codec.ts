import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { validate as isUuid, NIL } from 'uuid'
import { eventCatalogue } from '../../domain/event-catalogue.ts'
import { MAX_STREAM_NAME_LENGTH, tenantOfStream } from '../../domain/kernel/ids.ts'
import { isRecord } from '../../domain/kernel/json.ts'
import { storedSchema } from '../../domain/kernel/personal.ts'
import {
  type ContextEvents,
  currentVersion,
  type EventDefinition,
  upcast,
} from '../../domain/kernel/upcast.ts'
import {
  type AppendContext,
  InvalidEventError,
  type NewEvent,
  type RecordedEvent,
} from '../../services/ports/event-store.ts'
import { unstorablePlace } from './json-data.ts'

/** Of all events of one append together, inclusive, in bytes of UTF-8: what EventStoreDB takes. */
export const MAX_DATA_BYTES = 1_048_576
/** Of one event, inclusive, in bytes of UTF-8. */
const MAX_METADATA_BYTES = 65_536

/** NUL, which Postgres does not store, and lone surrogates, which UTF-8 cannot say. */
const NOT_STORABLE = /\0|\p{Surrogate}/u

/** An event as both stores keep it: `data` and `metadata` are JSON texts, kept byte for byte. */
export type EncodedEvent = {
  /** Lower case. */
  readonly id: string
  readonly type: string
  readonly data: string
  readonly metadata: string
}

export type StoredEvent = EncodedEvent & {
  readonly stream: string
  readonly revision: bigint
  readonly position: bigint
}

/**
 * The metadata's members are CloudEvents 1.0 context attributes, extensions included. What the
 * store keeps beside it (`id`, `type`, stream, revision, position) is not repeated.
 */
type Metadata = {
  readonly specversion: '1.0'
  readonly time: string
  readonly tenantid: string
  readonly actorid: string
  readonly correlationid: string
  readonly causationid: string
  readonly schemaversion: number
}

export type EventCodec = {
  /** @throws {InvalidEventError} naming the event's type and the place in its data. */
  readonly encode: (
    stream: string,
    events: readonly NewEvent[],
    context: AppendContext,
  ) => readonly EncodedEvent[]
  /** Never throws: what cannot be read has a `fault`. A type that this program does not know is no fault. */
  readonly decode: (stored: StoredEvent) => RecordedEvent
}

export type EventCodecOptions = {
  readonly now: () => Date
  /** Every event type by context; by default Tidemark's own. */
  readonly catalogue?: Readonly<Record<string, ContextEvents>>
}

export function createEventCodec({
  now,
  catalogue = eventCatalogue,
}: EventCodecOptions): EventCodec {
  const definitions = new Map(Object.values(catalogue).flatMap((events) => Object.entries(events)))
  const validatorOf = createValidators()

  function encodeEvent(event: NewEvent, context: AppendContext, time: string) {
    const { id, type, data, cause = context } = event
    const definition = definitions.get(type)
    if (definition === undefined) throw new InvalidEventError(`"${type}" is not an event type.`)
    if (!isUuid(id) || id === NIL) throw new InvalidEventError(`${type}: "${id}" is not a UUID.`)
    const text = serialise(type, data)
    const validate = validatorOf(definition)
    if (!validate(data)) throw new InvalidEventError(faultOf(type, validate.errors?.[0]))
    const metadata = JSON.stringify({
      specversion: '1.0',
      time,
      tenantid: context.tenantId,
      actorid: context.actorId,
      correlationid: cause.correlationId,
      causationid: cause.causationId,
      schemaversion: currentVersion(definition),
    } satisfies Metadata)
    refuseLarger([metadata], MAX_METADATA_BYTES, `${type}: the metadata`)
    return { id: id.toLowerCase(), type, data: text, metadata }
  }

  return {
    encode(stream, events, context) {
      checkStream(stream, context.tenantId)
      if (events.length === 0) throw new InvalidEventError('An append has one event or more.')
      const time = now().toISOString()
      const encoded = events.map((event) => encodeEvent(event, context, time))
      refuseLarger(
        encoded.map(({ data }) => data),
        MAX_DATA_BYTES,
        'The data of the append',
      )
      if (new Set(encoded.map(({ id }) => id)).size < encoded.length)
        throw new InvalidEventError('Two events of one append have the same id.')
      return encoded
    },
    decode: (stored) => decodeEvent(stored, definitions.get(stored.type)),
  }
}

/** One compiled validator a definition, made when it is first needed. A personal field in plain text does not pass. */
function createValidators(): (definition: EventDefinition) => ValidateFunction {
  const ajv = new Ajv()
  addFormats.default(ajv)
  const compiled = new Map<EventDefinition, ValidateFunction>()
  return (definition) => {
    const known = compiled.get(definition)
    if (known !== undefined) return known
    const current = definition.versions.at(-1) ?? definition.versions[0]
    const validate = ajv.compile(storedSchema(current))
    compiled.set(definition, validate)
    return validate
  }
}

function checkStream(stream: string, tenantId: string): void {
  if (tenantOfStream(stream) !== tenantId)
    throw new InvalidEventError(`Stream "${stream}" does not belong to tenant "${tenantId}".`)
  if (stream.length > MAX_STREAM_NAME_LENGTH)
    throw new InvalidEventError(`A stream name has at most ${MAX_STREAM_NAME_LENGTH} characters.`)
  if (NOT_STORABLE.test(stream))
    throw new InvalidEventError('A stream name has no NUL and no lone surrogate.')
}

function serialise(type: string, data: NewEvent['data']): string {
  try {
    const place = unstorablePlace(data)
    if (place !== undefined)
      throw new InvalidEventError(`${type}: the data at "${place}" is not a JSON value.`)
    return JSON.stringify(data)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new InvalidEventError(`${type}: the data is nested too deeply.`)
  }
}

function refuseLarger(texts: readonly string[], maxBytes: number, what: string): void {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > maxBytes)
    throw new InvalidEventError(`${what} has ${bytes} bytes, at most ${maxBytes} are allowed.`)
}

function faultOf(type: string, error: ErrorObject | undefined): string {
  const extra: unknown = error?.params.additionalProperty
  const detail = extra === undefined ? '' : `: "${String(extra)}"`
  return `${type}: the data at "${error?.instancePath}" ${error?.message}${detail}.`
}

function decodeEvent(stored: StoredEvent, definition: EventDefinition | undefined): RecordedEvent {
  const metadata = parseObject(stored.metadata)
  const data = parseObject(stored.data)
  const version = metadata?.schemaversion
  return {
    eventId: stored.id,
    type: stored.type,
    stream: stored.stream,
    revision: stored.revision,
    position: stored.position,
    time: textOf(metadata?.time),
    tenantId: tenantOfStream(stored.stream) ?? textOf(metadata?.tenantid),
    actorId: textOf(metadata?.actorid),
    correlationId: textOf(metadata?.correlationid),
    causationId: textOf(metadata?.causationid),
    schemaVersion: typeof version === 'number' ? version : 0,
    raw: { data: stored.data, metadata: stored.metadata },
    ...readData(data, metadata, definition),
  }
}

function readData(
  data: NewEvent['data'] | undefined,
  metadata: NewEvent['data'] | undefined,
  definition: EventDefinition | undefined,
): Pick<RecordedEvent, 'data' | 'fault'> {
  if (metadata === undefined) return { data: {}, fault: 'The metadata is not a JSON object.' }
  if (data === undefined) return { data: {}, fault: 'The data is not a JSON object.' }
  if (definition === undefined) return { data }
  try {
    return { data: upcast(definition, Number(metadata.schemaversion), data) }
  } catch (error) {
    return { data: {}, fault: error instanceof Error ? error.message : String(error) }
  }
}

function parseObject(text: string): NewEvent['data'] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
