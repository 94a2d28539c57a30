import { within } from '../../kernel/pointer.ts'
import type { EventConsumption } from '../document-events.ts'
import type { PlacedTask } from '../walk.ts'
import type { Fault } from './fault.ts'

// What the events of a run have room for.

const LONGEST_NAME = 1_000
const LONGEST_POINTER = 4_000
const LONGEST_TYPE = 1_000

export function lengthFaults({ pointer, name, task }: PlacedTask): readonly Fault[] {
  if (name.length > LONGEST_NAME)
    return [{ pointer, detail: `the name of a task may have ${LONGEST_NAME} characters` }]
  if (pointer.length > LONGEST_POINTER)
    return [{ pointer, detail: 'its name and those of the tasks around it are too long together' }]
  if (!('listen' in task)) return []
  const isTooLong = typesIn(task.listen.to).some((type) => type.length > LONGEST_TYPE)
  const detail = `the type of an event may have ${LONGEST_TYPE} characters`
  return isTooLong ? [{ pointer: within(pointer, 'listen', 'to'), detail }] : []
}

function typesIn(to: EventConsumption): readonly string[] {
  const filters = 'one' in to ? [to.one] : 'all' in to ? to.all : to.any
  const until = 'any' in to && typeof to.until === 'object' ? typesIn(to.until) : []
  return [...filters.map(({ with: { type = '' } }) => String(type)), ...until]
}
