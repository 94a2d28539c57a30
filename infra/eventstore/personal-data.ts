import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { eventCatalogue } from '../../domain/event-catalogue.ts'
import {
  ERASED,
  type PersonalField,
  personalFields,
  UNREADABLE,
} from '../../domain/kernel/personal.ts'
import type { ContextEvents } from '../../domain/kernel/upcast.ts'
import {
  InvalidEventError,
  type NewEvent,
  type RecordedEvent,
} from '../../services/ports/event-store.ts'
import type { Logger } from '../../services/ports/logger.ts'
import { open, seal } from '../crypto/secret-box.ts'
import {
  type KeyRef,
  refName,
  type SubjectKey,
  type SubjectKeyRing,
} from '../crypto/subject-keys.ts'

/** As domain/kernel/personal.ts has it. */
const SEALED = /^v1\.([0-9a-f-]{36})\.([A-Za-z0-9_-]{40,})$/

type Field = PersonalField & { readonly validate: ValidateFunction }

export type PersonalDataDeps = {
  readonly keys: SubjectKeyRing
  readonly logger: Logger
  /** Every event type by context; by default Tidemark's own. */
  readonly catalogue?: Readonly<Record<string, ContextEvents>>
}

/** Encrypts and decrypts the personal fields of events; their schemas say which fields those are. */
export class PersonalData {
  readonly #keys: SubjectKeyRing
  readonly #logger: Logger
  readonly #fields: ReadonlyMap<string, readonly Field[]>

  constructor({ keys, logger, catalogue = eventCatalogue }: PersonalDataDeps) {
    this.#keys = keys
    this.#logger = logger
    this.#fields = fieldsByType(catalogue)
  }

  /** Whether events of the type have personal fields. */
  has(type: string): boolean {
    return this.#fields.has(type)
  }

  /**
   * One append, with its personal fields encrypted.
   *
   * @throws {InvalidEventError} when a value does not fit its schema; the message has no value.
   * @throws {SubjectErasedError}
   */
  async seal(
    stream: string,
    tenantId: string,
    events: readonly NewEvent[],
  ): Promise<readonly NewEvent[]> {
    const keys = new Map<string, Promise<SubjectKey>>()
    const keyOf = (subjectId: string) => {
      const key = keys.get(subjectId) ?? this.#keys.forSealing(tenantId, subjectId)
      keys.set(subjectId, key)
      return key
    }
    const sealed: NewEvent[] = []
    for (const event of events) sealed.push(await this.#sealed(stream, tenantId, event, keyOf))
    return sealed
  }

  /** Each with its personal fields decrypted, `[erased]` where the key is destroyed. */
  async open(events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
    const refs = events.flatMap((event) => this.#refs(event))
    if (refs.length === 0) return events
    const keys = await this.#keys.forOpening(refs)
    return events.map((event) => this.#opened(event, keys))
  }

  async #sealed(
    stream: string,
    tenantId: string,
    event: NewEvent,
    keyOf: (subjectId: string) => Promise<SubjectKey>,
  ): Promise<NewEvent> {
    const { type } = event
    const data: Record<string, unknown> = { ...event.data }
    for (const field of this.#fields.get(type) ?? []) {
      const value = data[field.name]
      if (value === undefined) continue
      if (!field.validate(value))
        throw new InvalidEventError(
          `${type}: the data at "/${field.name}" ${field.validate.errors?.[0]?.message}.`,
        )
      const subjectId = data[field.subject]
      if (typeof subjectId !== 'string')
        throw new InvalidEventError(`${type}: the data at "/${field.subject}" must be string.`)
      const { keyId, key } = await keyOf(subjectId)
      const context = [tenantId, stream, type, field.name, keyId]
      const box = seal(key, Buffer.from(JSON.stringify(value)), context)
      data[field.name] = `v1.${keyId}.${box.toString('base64url')}`
    }
    return { ...event, data }
  }

  #refs({ type, tenantId, data }: RecordedEvent): readonly KeyRef[] {
    return (this.#fields.get(type) ?? []).flatMap(({ name }) => {
      const keyId = SEALED.exec(String(data[name]))?.[1]
      return keyId === undefined ? [] : [{ tenantId, keyId }]
    })
  }

  #opened(event: RecordedEvent, keys: ReadonlyMap<string, Buffer | null>): RecordedEvent {
    const fields = this.#fields.get(event.type)
    if (fields === undefined || event.fault !== undefined) return event
    const data: Record<string, unknown> = { ...event.data }
    for (const { name } of fields) {
      const [, keyId, box] = SEALED.exec(String(data[name])) ?? []
      // What an older version of the event has in plain text stays as it is.
      if (keyId === undefined || box === undefined) continue
      const { tenantId, stream, type } = event
      const context = [tenantId, stream, type, name, keyId]
      try {
        data[name] = this.#value(
          keys.get(refName({ tenantId, keyId })),
          Buffer.from(box, 'base64url'),
          context,
        )
      } catch {
        // The cause is left out: it could carry a part of the value.
        return { ...event, data: {}, fault: `The data at "/${name}" was not encrypted for here.` }
      }
    }
    return { ...event, data }
  }

  #value(key: Buffer | null | undefined, box: Buffer, context: readonly string[]): unknown {
    if (key === null) return ERASED
    if (key !== undefined) return JSON.parse(open(key, box, context).toString('utf8')) as unknown
    this.#logger.error({ keyId: context.at(-1) }, 'The key of personal data is lost.')
    return UNREADABLE
  }
}

function fieldsByType(catalogue: Readonly<Record<string, ContextEvents>>) {
  const ajv = new Ajv({ keywords: ['personal'] })
  addFormats.default(ajv)
  const found = new Map<string, readonly Field[]>()
  for (const events of Object.values(catalogue))
    for (const [type, { versions }] of Object.entries(events)) {
      const fields = personalFields(versions.at(-1) ?? versions[0])
      if (fields.length > 0)
        found.set(
          type,
          fields.map((field) => ({ ...field, validate: ajv.compile(field.schema) })),
        )
    }
  return found
}
