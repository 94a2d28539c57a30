import { within } from '../../kernel/pointer.ts'
import type { WorkflowDocument } from '../document.ts'
import type { Duration } from '../document-parts.ts'
import { isCall, type Task } from '../document-tasks.ts'
import { approvalOf } from '../task-metadata.ts'
import type { PlacedTask } from '../walk.ts'
import type { Fault } from './fault.ts'

type Found = readonly [path: readonly string[], value: Duration | undefined]

/** The schema knows how a duration is written; a negative one is written well. */
export function durationFaults({ task, pointer }: PlacedTask): readonly Fault[] {
  return negative(pointer, durationsIn(task))
}

export function rootDurationFaults({ timeout, schedule, use }: WorkflowDocument): readonly Fault[] {
  const timeouts = Object.entries(use?.timeouts ?? {}).map(
    ([name, { after }]): Found => [['use', 'timeouts', name, 'after'], after],
  )
  const retries = Object.entries(use?.retries ?? {}).flatMap(([name, policy]) =>
    retryDurations(policy, ['use', 'retries', name]),
  )
  return negative('', [
    ...timeouts,
    ...retries,
    [['schedule', 'every'], schedule?.every],
    [['schedule', 'after'], schedule?.after],
    ...timeoutDurations(timeout),
  ])
}

function durationsIn(task: Task): readonly Found[] {
  const found: Found[] = [...timeoutDurations(task.timeout)]
  found.push([['metadata', 'tidemark.approve', 'within'], approvalOf(task)?.within])
  if ('wait' in task) found.push([['wait'], task.wait])
  if (isCall(task, 'mcp')) found.push([['with', 'timeout'], task.with.timeout])
  if ('try' in task) found.push(...retryDurations(task.catch.retry, ['catch', 'retry']))
  return found
}

function timeoutDurations(timeout: Task['timeout']): readonly Found[] {
  return typeof timeout === 'object' ? [[['timeout', 'after'], timeout.after]] : []
}

type Retry = Extract<Task, { readonly try: unknown }>['catch']['retry']

function retryDurations(retry: Retry, path: readonly string[]): readonly Found[] {
  if (typeof retry !== 'object') return []
  return [
    [[...path, 'delay'], retry.delay],
    [[...path, 'limit', 'duration'], retry.limit?.duration],
    [[...path, 'limit', 'attempt', 'duration'], retry.limit?.attempt?.duration],
    [[...path, 'jitter', 'from'], retry.jitter?.from],
    [[...path, 'jitter', 'to'], retry.jitter?.to],
  ]
}

function negative(pointer: string, found: readonly Found[]): readonly Fault[] {
  return found.flatMap(([path, value]) => {
    if (typeof value !== 'object' || Object.values(value).every((part) => part >= 0)) return []
    return [{ pointer: within(pointer, ...path), detail: 'a duration cannot be negative' }]
  })
}
