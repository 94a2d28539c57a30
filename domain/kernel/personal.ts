import { type TObject, type TSchema, Type } from 'typebox'

// A field of an event that can hold data of a person says so in its schema:
//   name: Type.String({ maxLength: 200, personal: { subject: 'subjectId' } })
// Its value is encrypted with the key of the person (the subject) that the event names in the
// member `subject`; the log, the bus and every copy of them hold ciphertext. Destroying the key
// erases the value everywhere at once. A field keeps its name in later versions of its event,
// because the ciphertext is bound to it.

/** What readers get for a value whose key is destroyed. */
export const ERASED = '[erased]'
/** What readers get for a value whose key is lost: the keys are not as new as the log. */
export const UNREADABLE = '[unreadable]'

/** Of a person, opaque: a name or an address would be in stream names for ever. */
export const subjectId = Type.String({
  format: 'uuid',
  description: 'the person, by an opaque id that personal data is erased by',
})

/** `v1`, the id of the subject's key, and the box of infra/crypto/secret-box.ts, base64url. */
const sealedText = {
  pattern: '^v1\\.[0-9a-f-]{36}\\.[A-Za-z0-9_-]{40,}$',
  description: 'encrypted for a person, see docs/decisions/0010-personal-data.md',
}

export type PersonalField = {
  readonly name: string
  /** The member of the event's data that has the subject's id. */
  readonly subject: string
  /** Of the value before it is encrypted. */
  readonly schema: TSchema
}

/** The personal fields of an event's data. */
export function personalFields(schema: TObject): readonly PersonalField[] {
  return Object.entries<TSchema>(schema.properties).flatMap(([name, field]) => {
    const { personal } = field as { readonly personal?: { readonly subject: string } }
    return personal === undefined ? [] : [{ name, subject: personal.subject, schema: field }]
  })
}

/** What of an event is stored and published: personal fields as ciphertext. */
export function storedSchema(schema: TObject): TObject {
  const fields = personalFields(schema)
  if (fields.length === 0) return schema
  const sealed = fields.map(({ name }) => [name, Type.String(sealedText)])
  return { ...schema, properties: { ...schema.properties, ...Object.fromEntries(sealed) } }
}
