import { Type } from 'typebox'
import { customName, customSubject } from '../../domain/custom/events.ts'

const json = Type.Record(Type.String(), Type.Unknown())

export const NewType = Type.Object(
  {
    name: customName,
    schema: { ...json, description: 'JSON Schema, draft-07, of type object; patterns are RE2' },
  },
  { additionalProperties: false },
)

export const Emission = Type.Object(
  { name: customName, subject: Type.Optional(customSubject), data: json },
  { additionalProperties: false },
)
