import t from 'tap'
import { Background } from '../../../services/main/background.ts'
import { silent } from '../../../services/ports/logger.ts'
import { waitFor } from '../../support/wait-for.ts'

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

t.test('a part that fails or ends is started again, and the others go on', async (t) => {
  const background = new Background(silent)
  let starts = 0
  let others = 0
  background.start('fragile', async (signal) => {
    starts += 1
    if (starts === 1) throw new Error('broken')
    if (starts === 2) return
    await untilAborted(signal)
  })
  background.start('steady', async (signal) => {
    others += 1
    await untilAborted(signal)
  })
  await waitFor('a failure to show', () => !background.health().ok)
  t.match(background.health(), { ok: false, detail: 'restarting: fragile' })
  await waitFor('the third start', () => starts === 3)
  t.equal(background.health().ok, true)
  t.equal(others, 1)
  await background.stop()
})

t.test(
  'stopping waits until every part has stopped, also one that is about to restart',
  async (t) => {
    const background = new Background(silent)
    let finished = false
    background.start('slow', async (signal) => {
      await untilAborted(signal)
      await new Promise((resolve) => setImmediate(resolve))
      finished = true
    })
    background.start('failing', async () => {
      throw new Error('always')
    })
    await background.stop()
    t.equal(finished, true)
  },
)
