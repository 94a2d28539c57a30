import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { PER_SECOND, startLoad } from '../support/faults/command-load.ts'
import type { Random } from '../support/faults/random.ts'
import { AT_LENGTH, everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { connected, headersOf, requestOf } from '../support/faults/sockets.ts'
import { faultStage } from '../support/faults/stage.ts'
import { waitFor } from '../support/wait-for.ts'

/** `overload-measured` has 10,000 of them. */
const IDLE = AT_LENGTH ? 1_000 : 200
const DRIPPING = 20
const DRIP_MS = 300
/** Headers have to be there within 10 s and a request within 30 s; a busy machine gets twice as long. */
const ENDED_WITHIN_MS = 2 * 31_000
/** Commands per second, and how many wait for an answer at once. */
const STORM = { perSecond: 10 * PER_SECOND, mostUnderWay: 640 }
const STORM_MS = AT_LENGTH ? 20_000 : 3_000
/** A busy machine gets three times the 10 s. */
const READY_WITHIN_MS = 3 * 10_000
const SECONDS = 3 * 80

timeForSeeds(2 * SECONDS)

const stage = await faultStage(t)
const program = await stage.start()

t.test('clients that send slowly, read nothing or only connect are ended, and others served', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [program])
    const idle = await Promise.all(Array.from({ length: IDLE }, () => connected(t, program)))
    const deaf = await Promise.all(Array.from({ length: DRIPPING }, () => connected(t, program)))
    for (const socket of deaf) socket.pause().write(requestOf(program, '/openapi.json').repeat(5))
    // A body may take 30 s; the short run tries headers only.
    const parts = AT_LENGTH ? [headers, body] : [headers]
    const dripping = Array.from({ length: DRIPPING }, () => drip(t, random.pick(parts)(), random))
    for (const answer of await Promise.all(dripping))
      t.match(answer, /^(HTTP\/1\.1 408 |$)/, 'it is told that it is too slow')
    const ledger = await load.stop()
    t.notOk(ledger.answers.has('none'), 'the others were answered all the time')
    for (const socket of [...idle, ...deaf]) socket.destroy()
    await stage.assertTruth(t, ledger)
  }),
)

t.test(
  'ten times the load is answered or refused with a time to come again, then all is as before',
  (t) =>
    everySeed(t, SECONDS, async (t, random) => {
      const usual = startLoad(t, random, () => [program])
      const storm = startLoad(t, random, () => [program], STORM)
      await delay(STORM_MS)
      const ledgers = [await storm.stop(), await usual.stop()]
      await waitFor('it to be ready', isReady, READY_WITHIN_MS)
      for (const ledger of ledgers) {
        t.notOk(ledger.answers.has('none'), 'every command was answered')
        await stage.assertTruth(t, ledger)
      }
    }),
)

t.test('it ends in order', (t) => stage.assertNothingLeft(t, program))

/** @returns what the program said before it ended the connection. */
async function drip(t: Test, text: string, random: Random): Promise<string> {
  const socket = await connected(t, program)
  let answer = ''
  socket.setEncoding('utf8').on('data', (part) => {
    answer += part
  })
  let at = random.integer(text.length / 2)
  socket.write(text.slice(0, at))
  const timer = setInterval(() => socket.write(text.charAt(at++) || ' '), DRIP_MS)
  const late = setTimeout(() => t.fail('it was not ended'), ENDED_WITHIN_MS)
  await new Promise((resolve) => socket.once('close', resolve))
  clearInterval(timer)
  clearTimeout(late)
  return answer
}

function headers(): string {
  return `${track()}${'X-Slow: slow\r\n'.repeat(100)}`
}

function body(): string {
  return `${track()}Content-Type: application/json\r\nContent-Length: 9000\r\n\r\n{${' '.repeat(1_000)}`
}

function track(): string {
  return `POST /v1/analytics/track HTTP/1.1\r\n${headersOf(program)}`
}

async function isReady(): Promise<boolean> {
  const { ok } = await program.request('/health/ready', { key: null })
  return ok
}
