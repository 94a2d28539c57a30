import t from 'tap'
import { untilStopping } from '../../../services/main/until-stopping.ts'

const told = { reached: async () => 7n, standingStill: async () => [] }
const never = { ...told, waitFor: () => new Promise<boolean>(() => {}) }

t.test('whoever waits is told no when the process stops', async (t) => {
  const stopping = new AbortController()
  const freshness = untilStopping(never, stopping.signal)
  const waiting = freshness.waitFor(9n, 60_000)
  stopping.abort()
  t.equal(await waiting, false)
  t.equal(await freshness.waitFor(9n, 60_000), false)
  t.equal(await freshness.reached(), 7n)
})

t.test('until then it answers as it does', async (t) => {
  const yes = { ...told, waitFor: async (position: bigint) => position <= 7n }
  const freshness = untilStopping(yes, new AbortController().signal)
  t.equal(await freshness.waitFor(7n, 1), true)
  t.equal(await freshness.waitFor(8n, 1), false)
})
