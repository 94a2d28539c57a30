import t from 'tap'
import { GatheredWaits } from '../../../services/workflows/waits.ts'
import { recordedEvent } from '../../support/recorded-event.ts'

const runId = '11111111-1111-4111-8111-111111111111'

t.test('a retry that begins has a time of its own beside that of its whole try', async (t) => {
  const waits = new GatheredWaits()
  const of = { runId, step: 1 }
  const times = { deadline: '2026-01-02T00:00:00.000Z', attemptUntil: '2026-01-01T00:00:05.000Z' }
  const again = '2026-01-01T00:01:05.000Z'
  waits.add(recordedEvent(1n, { type: 'TaskStarted', data: { ...of, ...times } }))
  waits.add(recordedEvent(2n, { type: 'TimerFired', data: { ...of, attemptUntil: again } }))
  waits.add(recordedEvent(3n, { type: 'TimerFired', data: { runId, step: 2 } }))
  t.same(
    waits.changes().timers.map(({ step, dueAt }) => [step, dueAt.toISOString()]),
    [times.deadline, times.attemptUntil, again].map((at) => [1, at]),
  )
})
