import {
  type Static,
  type TNever,
  type TObject,
  type TProperties,
  type TSchema,
  Type,
} from 'typebox'

// How the schema of the language is put together. Where a value may have one of several shapes, the
// member that tells them apart chooses the shape (`byMember`), so that an error speaks of the shape
// that was meant and checking takes time linear in the document's size.

/** An object with these members and no other. */
export function closed<P extends TProperties>(members: P): TObject<P> {
  return Type.Object(members, { additionalProperties: false })
}

/** A definition of the document's schema by its name in `$defs`. */
export function ref<T>(name: string) {
  return Type.Unsafe<T>({ $ref: `#/$defs/${name}` })
}

/** Exactly one of these shapes. `description` completes the sentence "it must be …". */
export function oneOf<S extends TSchema[]>(description: string, ...shapes: S) {
  return Type.Unsafe<Static<S[number]>>({ description, oneOf: shapes })
}

/** An object by its shape, anything else by the other schema. */
export function objectOr<O extends TSchema, S extends TSchema>(object: O, other: S) {
  return Type.Unsafe<Static<O> | Static<S>>({ if: { type: 'object' }, then: object, else: other })
}

/**
 * The shape of the first of these members that the object has, else the last one.
 * `description` completes the sentence "it must be …" for an object that has none of the members.
 */
export function byMember<C extends Readonly<Record<string, TSchema>>, O extends TSchema = TNever>(
  description: string,
  choices: C,
  otherwise?: O,
) {
  const last: object = otherwise ?? { not: {}, description }
  const chosen = Object.entries(choices).reduceRight<object>(
    (rest, [member, shape]) => choose({ required: [member] }, shape, rest),
    last,
  )
  return Type.Unsafe<Static<C[keyof C]> | Static<O>>({ type: 'object', ...chosen })
}

/** The shape that belongs to the value of a member, else the last one. */
export function byValue<C extends Readonly<Record<string, TSchema>>, O extends TSchema>(
  member: string,
  choices: C,
  otherwise: O,
) {
  const chosen = Object.entries(choices).reduceRight<object>(
    (rest, [value, shape]) => choose({ properties: { [member]: { const: value } } }, shape, rest),
    otherwise,
  )
  return Type.Unsafe<Static<C[keyof C]> | Static<O>>({ type: 'object', ...chosen })
}

function choose(condition: object, shape: object, rest: object): object {
  return { if: condition, then: shape, else: rest }
}
