/** A value of RFC 8259. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** Only an object's own keys count: it may have one that is called `__proto__`. */
export type JsonObject = { readonly [key: string]: Json }

export function isJsonArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

export function isJsonObject(value: Json): value is JsonObject {
  return isRecord(value)
}

/** Neither null nor an array: what JSON calls an object, of values that are not known. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
