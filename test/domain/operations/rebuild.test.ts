import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import type { OperationsEvent } from '../../../domain/operations/events.ts'
import { nextAction, readModelStream, rebuild } from '../../../domain/operations/rebuild.ts'
import { given } from '../../support/given.ts'

const history = given(rebuild)
const now = '2026-01-02T03:04:05.000Z'
const first = '11111111-1111-4111-8111-111111111111'
const second = '22222222-2222-4222-8222-222222222222'

const request = (rebuildId: string) =>
  ({ type: 'RequestRebuild', readModel: 'usage', rebuildId, now }) as const
const requested = (rebuildId: string): OperationsEvent => ({
  type: 'ReadModelRebuildRequested',
  data: { readModel: 'usage', rebuildId, requestedAt: now },
})
const built = { version: 2, position: '9', events: 5, durationMs: 12 }
const complete = (rebuildId: string) =>
  ({ type: 'CompleteRebuild', rebuildId, ...built, now }) as const
const completed = (rebuildId: string): OperationsEvent => ({
  type: 'ReadModelRebuildCompleted',
  data: { readModel: 'usage', rebuildId, ...built, completedAt: now },
})
const fail = (rebuildId: string) => ({ type: 'FailRebuild', rebuildId, cause: 'why', now }) as const
const failed = (rebuildId: string): OperationsEvent => ({
  type: 'ReadModelRebuildFailed',
  data: { readModel: 'usage', rebuildId, cause: 'why', failedAt: now },
})
const owedAfter = (...events: readonly OperationsEvent[]) =>
  nextAction(events.reduce(rebuild.evolve, rebuild.initial))?.rebuildId

t.test('a request is recorded, and is owed until its end is', async (t) => {
  t.same(history().when(request(first)), accept(requested(first)))
  t.equal(owedAfter(), undefined)
  t.equal(owedAfter(requested(first)), first)
  t.equal(owedAfter(requested(first), completed(first)), undefined)
  t.equal(owedAfter(requested(first), failed(first)), undefined)
})

t.test('a request while one is owed is that one', async (t) => {
  t.same(history(requested(first)).when(request(second)), accept())
})

t.test('after one has ended, however it did, another may be asked for', async (t) => {
  for (const end of [completed(first), failed(first)])
    t.same(history(requested(first), end).when(request(second)), accept(requested(second)))
})

t.test('the end of the rebuild that is owed is recorded once', async (t) => {
  t.same(history(requested(first)).when(complete(first)), accept(completed(first)))
  t.same(history(requested(first)).when(fail(first)), accept(failed(first)))
  const ended = [requested(first), completed(first)]
  t.same(history(...ended).when(complete(first)), accept())
  t.same(history(...ended).when(fail(first)), accept())
})

t.test('the end of another rebuild says nothing', async (t) => {
  t.same(history().when(complete(first)), accept())
  t.same(history(requested(second)).when(complete(first)), accept())
  t.same(history(requested(second)).when(fail(first)), accept())
})

t.test('its stream belongs to the tenant that operates the server', async (t) => {
  t.equal(readModelStream('default', 'api-keys'), 'readmodel-default.api-keys')
})
