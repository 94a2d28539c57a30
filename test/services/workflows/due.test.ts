import t from 'tap'
import { dueAt, type ScheduleSituation } from '../../../services/workflows/due.ts'

const since = new Date('2026-01-01T00:00:00.000Z')

function occasion(now: string, situation: Partial<ScheduleSituation>): string | undefined {
  const all = { schedule: {}, timeZone: 'UTC', since, last: undefined, ...situation }
  return dueAt(all, new Date(now))?.occasion
}

t.test('cron is due at its minute, and not before the schedule counts', async (t) => {
  const schedule = { cron: '0 3 * * *' }
  t.equal(occasion('2026-01-01T02:59:59.999Z', { schedule }), undefined)
  t.equal(occasion('2026-01-01T03:00:00.000Z', { schedule }), '2026-01-01T03:00:00.000Z')
  t.equal(occasion('2026-01-02T02:00:00.000Z', { schedule }), '2026-01-01T03:00:00.000Z')
})

t.test('of what was missed only the last time is due', async (t) => {
  t.equal(
    occasion('2026-03-10T12:00:00.000Z', { schedule: { cron: '*/5 * * * *' } }),
    '2026-03-10T12:00:00.000Z',
  )
  t.equal(
    occasion('2026-01-01T05:30:00.000Z', { schedule: { every: { hours: 2 } } }),
    '2026-01-01T04:00:00.000Z',
  )
})

t.test('cron is kept in its time zone, also where the clock is put forward or back', async (t) => {
  const nightly = { schedule: { cron: '30 2 * * *' }, timeZone: 'Europe/Berlin' }
  t.equal(occasion('2026-01-15T12:00:00.000Z', nightly), '2026-01-15T01:30:00.000Z')
  t.equal(occasion('2026-07-15T12:00:00.000Z', nightly), '2026-07-15T00:30:00.000Z')
  // 02:30 is not there on 29 March, and twice on 25 October: each night has one run.
  const spring = occasion('2026-03-29T12:00:00.000Z', nightly) ?? ''
  t.match(spring, /^2026-03-29T01:/)
  const nights = new Set<string | undefined>()
  for (let hour = 0; hour < 24; hour++)
    nights.add(occasion(new Date(Date.UTC(2026, 9, 25, hour)).toISOString(), nightly))
  t.equal(nights.size, 2, [...nights].join(' '))
})

t.test('every counts from when the schedule began', async (t) => {
  const schedule = { every: 'PT90M' }
  t.equal(occasion('2026-01-01T01:29:59.000Z', { schedule }), undefined)
  t.equal(occasion('2026-01-01T01:30:00.000Z', { schedule }), '2026-01-01T01:30:00.000Z')
})

t.test('after waits for the run before, and is due at once for the first time', async (t) => {
  const schedule = { after: 'PT1H' }
  const ended = (endedAt: Date | null) => ({ schedule, last: { runId: 'r1', endedAt } })
  t.equal(occasion('2026-01-01T00:00:00.000Z', { schedule }), 'first')
  t.equal(occasion('2026-01-05T00:00:00.000Z', ended(null)), undefined)
  const at = new Date('2026-01-02T00:00:00.000Z')
  t.equal(occasion('2026-01-02T00:59:59.000Z', ended(at)), undefined)
  t.equal(occasion('2026-01-02T01:00:00.000Z', ended(at)), 'after r1')
})
