import fc from 'fast-check'
import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import type { RegistrySourceEvent } from '../../../domain/registry/events.ts'
import {
  nextAction,
  type SourceCommand,
  source,
  sourceStream,
} from '../../../domain/registry/source.ts'
import { given } from '../../support/given.ts'

const history = given(source)
const now = '2026-01-02T03:04:05.000Z'
const sourceId = 'main'
const location = { name: 'Main', kind: 'official', location: 'https://a.example' } as const
const add: SourceCommand = {
  ...{ type: 'AddSource', sourceId, ...location, syncIntervalSeconds: 3_600, now },
}
const added: RegistrySourceEvent = {
  type: 'RegistrySourceAdded',
  data: { sourceId, ...location, syncIntervalSeconds: 3_600, addedAt: now },
}
const removed: RegistrySourceEvent = {
  type: 'RegistrySourceRemoved',
  data: { sourceId, removedAt: now },
}
const run = (runId: string): RegistrySourceEvent => ({
  type: 'RegistrySyncStarted',
  data: { sourceId, runId, trigger: 'request', startedAt: now },
})
const start = (runId: string): SourceCommand => ({
  ...{ type: 'StartSync', sourceId, runId, trigger: 'request', acceptShrink: false, now },
})
const totals = { pages: 1, bytes: 2, added: 3, changed: 0, removed: 0, durationMs: 5 }
const complete = (runId: string): SourceCommand => ({
  ...{ type: 'CompleteSync', sourceId, runId, totals, unchanged: 0, invalid: 0, refused: 0, now },
  newestUpdatedAt: '2025-12-01T00:00:00Z',
})
const completed = (runId: string): RegistrySourceEvent => ({
  type: 'RegistrySyncCompleted',
  data: {
    ...{ sourceId, runId, ...totals, unchanged: 0, invalid: 0, refused: 0, completedAt: now },
    newestUpdatedAt: '2025-12-01T00:00:00Z',
  },
})
const failed = (runId: string): RegistrySourceEvent => ({
  type: 'RegistrySyncFailed',
  data: { sourceId, runId, ...totals, code: 'upstream-status', cause: 'It broke.', failedAt: now },
})

t.test('a source is added once; the same again changes nothing', async (t) => {
  t.same(history().when(add), accept(added))
  t.same(history(added).when(add), accept())
  t.match(history(added).when({ ...add, name: 'Other' } as SourceCommand), {
    rejection: { kind: 'conflict', code: 'source-exists' },
  })
  t.same(history(added, removed).when(add), accept(added), 'what was removed can come back')
})

t.test('there is one run at a time', async (t) => {
  t.same(history(added).when(start('r1')), accept(run('r1')))
  t.same(history(added, run('r1')).when(start('r2')), accept())
  t.same(history(added, run('r1'), completed('r1')).when(start('r2')), accept(run('r2')))
  t.same(history(added, run('r1'), failed('r1')).when(start('r2')), accept(run('r2')))
})

t.test('the end of a run is recorded once, and only of the run that goes on', async (t) => {
  t.same(history(added, run('r1')).when(complete('r1')), accept(completed('r1')))
  t.same(history(added, run('r1'), completed('r1')).when(complete('r1')), accept())
  t.same(history(added, run('r2')).when(complete('r1')), accept())
  t.same(history(added, run('r1'), removed).when(complete('r1')), accept())
})

t.test('a source that is not there has nothing to sync or to remove', async (t) => {
  const remove: SourceCommand = { type: 'RemoveSource', sourceId, now }
  for (const command of [start('r1'), remove])
    t.match(history().when(command), { rejection: { kind: 'not-found', code: 'source-not-found' } })
  t.same(history(added, removed).when(remove), accept(), 'removing twice is removing once')
  t.same(history(added, run('r1')).when(remove), accept(removed))
})

t.test(
  'the next run asks for news since the newest entry of the last one that completed',
  async (t) => {
    const state = [added, run('r1'), completed('r1'), run('r2'), failed('r2'), run('r3')].reduce(
      source.evolve,
      source.initial,
    )
    t.match(nextAction(state), { runId: 'r3', newestUpdatedAt: '2025-12-01T00:00:00Z' })
  },
)

t.test(
  'whatever comes, in whatever order, no run begins before the one before it ended',
  async () => {
    const ids = fc.constantFrom('r1', 'r2', 'r3')
    const command: fc.Arbitrary<SourceCommand> = fc.oneof(
      fc.constant(add),
      fc.constant<SourceCommand>({ type: 'RemoveSource', sourceId, now }),
      ids.map(start),
      ids.map(complete),
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        let state = source.initial
        let running = false
        for (const each of commands) {
          const decision = source.decide(state, each)
          if (decision.outcome === 'rejected') continue
          for (const event of decision.events) {
            if (event.type === 'RegistrySyncStarted' && running) throw new Error('two runs at once')
            running = event.type === 'RegistrySyncStarted'
            state = source.evolve(state, event)
          }
        }
      }),
    )
  },
)

t.test('the tenant is in the name of the stream', async (t) => {
  t.equal(sourceStream('acme', 'main'), 'source-acme.main')
})
