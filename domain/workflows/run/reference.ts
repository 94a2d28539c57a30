import { segmentsOf, within } from '../../kernel/pointer.ts'

// References are JSON pointers into the workflow's document.

/** Of the task that takes back what the task at `reference` did. */
export function compensationReference(reference: string): string {
  return within(reference, 'metadata', 'tidemark.compensate')
}

/** The place of a task in its list; 0 for a task that is in none. */
export function indexOf(reference: string): number {
  const index = Number(segmentsOf(reference).at(-2))
  return Number.isInteger(index) ? index : 0
}

export function nameOf(reference: string): string {
  return segmentsOf(reference).at(-1) ?? ''
}

/** @returns undefined when there is nothing at that place. */
export function lookUp(document: unknown, reference: string): unknown {
  let value: unknown = document
  for (const segment of segmentsOf(reference)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment))
      return undefined
    value = (value as Readonly<Record<string, unknown>>)[segment]
  }
  return value
}
