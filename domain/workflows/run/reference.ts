// References are JSON pointers into the workflow's document (RFC 6901), such as `/do/0/greet`.

export function childReference(list: string, index: number, name: string): string {
  return `${list}/${index}/${escapeSegment(name)}`
}

function escapeSegment(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1')
}

function segments(reference: string): readonly string[] {
  return reference
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Of the task that takes back what the task at `reference` did. */
export function compensationReference(reference: string): string {
  return `${reference}/metadata/tidemark.compensate`
}

/** The place of a task in its list; 0 for a task that is in none. */
export function indexOf(reference: string): number {
  const index = Number(segments(reference).at(-2))
  return Number.isInteger(index) ? index : 0
}

export function nameOf(reference: string): string {
  return segments(reference).at(-1) ?? ''
}

/** @returns undefined when there is nothing at that place. */
export function lookUp(document: unknown, reference: string): unknown {
  let value: unknown = document
  for (const segment of segments(reference)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment))
      return undefined
    value = (value as Readonly<Record<string, unknown>>)[segment]
  }
  return value
}
