import { within } from '../../domain/kernel/pointer.ts'

/**
 * Where `value` holds something that JSON does not keep as it is (undefined, BigInt, NaN, a Date,
 * a class instance, a sparse array …): the JSON pointer of the first such place, '' for the whole
 * value; undefined when JSON keeps all of it.
 *
 * @throws {RangeError} when the value is nested too deeply or contains itself.
 */
export function unstorablePlace(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : ''
    case 'object':
      if (value === null) return undefined
      return Array.isArray(value) ? placeInArray(value) : placeInObject(value)
    default:
      return ''
  }
}

function placeInArray(items: readonly unknown[]): string | undefined {
  for (let index = 0; index < items.length; index++) {
    const place = unstorablePlace(items[index])
    if (place !== undefined) return `/${index}${place}`
  }
  return undefined
}

function placeInObject(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return ''
  for (const [key, item] of Object.entries(value)) {
    const place = unstorablePlace(item)
    if (place !== undefined) return `${within('', key)}${place}`
  }
  return undefined
}
