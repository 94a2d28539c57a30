import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createWorkerPool } from '../../../infra/workers/pool.ts'
import type { EventStore, RecordedEvent } from '../../../services/ports/event-store.ts'
import type { WorkerPool } from '../../../services/ports/worker-pool.ts'
import { type PreviewRequest, preview } from '../../../services/rules/preview.ts'
import { ruleOf, toolCalled } from '../../support/rules.ts'

// What a preview finds is tested with its route; here is how it ends.

const workers = createWorkerPool({ maxThreads: 1 })
t.teardown(() => workers[Symbol.asyncDispose]())

/** A log that has no end. */
const log: Pick<EventStore, 'readAll' | 'head'> = {
  head: async () => 2n ** 60n,
  async *readAll() {
    for (let index = 0; ; index++) yield recorded(index)
  },
}

function recorded(index: number): RecordedEvent {
  const event = toolCalled(index, {}, { time: '2026-01-02T03:04:05.000Z' })
  const raw = { data: JSON.stringify(event.data), metadata: '{}' }
  const meta = { revision: 0n, tenantId: 'acme', correlationId: 'c', schemaVersion: 1 }
  return { ...event, ...meta, raw }
}

function request(condition: string): PreviewRequest {
  return {
    tenantId: 'acme',
    rule: { ...ruleOf({ condition }), ruleId: randomUUID() },
    needs: { types: ['ToolCalled'], before: { ms: 0 } },
    range: {},
    limit: 1,
    maxEvents: Number.MAX_SAFE_INTEGER,
    tooDeep: [],
    comparison: undefined,
  }
}

t.test('who leaves ends the preview, and the thread forgets the rule', async (t) => {
  const tasks: string[] = []
  const noted: WorkerPool = {
    run: (task, input) => {
      tasks.push(task)
      return workers.run(task, input)
    },
    [Symbol.asyncDispose]: async () => {},
  }
  const leaving = new AbortController()
  const asked = preview({ log, workers: noted }, request('true'), leaving.signal, ({ events }) => {
    if (events >= 3_000) leaving.abort(new Error('The client left.'))
  })
  await t.rejects(asked, { message: 'The client left.' })
  t.equal(tasks[0], 'beginWhatIf')
  t.equal(tasks.at(-1), 'endWhatIf')
  t.ok(tasks.length < 10, 'soon')
})

t.test('a thread that does not know the rule any more fails the preview', async (t) => {
  const forgetful: WorkerPool = {
    run: (task, input) =>
      task === 'beginWhatIf' ? (Promise.resolve() as never) : workers.run(task, input),
    [Symbol.asyncDispose]: async () => {},
  }
  const signal = new AbortController().signal
  const asked = preview({ log, workers: forgetful }, request('true'), signal, () => {})
  await t.rejects(asked, { message: /thread of this preview has ended/ })
})

t.test('a condition that fails for every event fails none but itself', async (t) => {
  const small = { ...request('1 / 0 == 1'), maxEvents: 2_500 }
  const found = await preview({ log, workers }, small, new AbortController().signal, () => {})
  t.match(found, { read: 2_500, complete: false, counts: { failed: 2_500 } })
  t.match(found.shown, [{ verdict: 'failed', reason: /Division by zero/ }])
})
