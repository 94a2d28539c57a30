import { type Static, Type } from 'typebox'
import { duration } from './document-parts.ts'
import type { Task } from './document-tasks.ts'
import { closed, ref } from './schema-kit.ts'

// What Tidemark adds to the language, in `metadata`.

const approval = closed({
  by: Type.Object(
    {
      scope: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
      actors: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 200 }))),
    },
    { additionalProperties: false, minProperties: 1 },
  ),
  within: Type.Optional(duration),
  otherwise: Type.Optional(Type.Enum(['fault', 'skip'])),
})
/**
 * `tidemark.approve`: the task is done once one of `by` (keys with the scope, and these actors) has
 * agreed. When it is refused, or nobody answers `within` the time, it faults or is skipped.
 */
export type ApprovalRule = Static<typeof approval>

/** Of a task's `metadata`. Other members are the author's. */
export const taskMetadata = Type.Object(
  {
    'tidemark.approve': Type.Optional(approval),
    'tidemark.compensate': Type.Optional(ref<Task>('task')),
  },
  { patternProperties: noOther('approve', 'compensate') },
)

/** Of `document.metadata`. */
export const documentMetadata = Type.Object(
  {
    'tidemark.timezone': Type.Optional(
      Type.String({ description: 'the time zone of `schedule.cron`, such as Europe/Berlin' }),
    ),
  },
  { patternProperties: noOther('timezone') },
)

/** A misspelt name of Tidemark's would be ignored. */
function noOther(...names: readonly string[]) {
  const description = `one of ${names.map((name) => `tidemark.${name}`).join(', ')}`
  return { [`^tidemark\\.(?!(${names.join('|')})$)`]: { not: {}, description } }
}

export function approvalOf({ metadata }: Pick<Task, 'metadata'>): ApprovalRule | undefined {
  return metadata?.['tidemark.approve'] as ApprovalRule | undefined
}

/** `tidemark.compensate`: the task that takes the effect of this one back. */
export function compensationOf({ metadata }: Pick<Task, 'metadata'>): Task | undefined {
  return metadata?.['tidemark.compensate'] as Task | undefined
}

/** The time zone of `schedule.cron`, by its IANA name, out of `document.metadata`. */
export function timeZoneOf(metadata: Readonly<Record<string, unknown>> = {}): string {
  return (metadata['tidemark.timezone'] as string | undefined) ?? 'UTC'
}
