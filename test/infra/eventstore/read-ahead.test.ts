import t from 'tap'
import { isLarge, readAhead } from '../../../infra/eventstore/read-ahead.ts'
import type { FeedBatch, RecordedEvent } from '../../../services/ports/event-store.ts'

/** Numbers, and which of them was asked for last. */
function counting() {
  const source = {
    asked: 0,
    async *[Symbol.asyncIterator]() {
      for (;;) yield ++source.asked
    },
  }
  return source
}

t.test('the next one is asked for while one is worked on', async (t) => {
  const source = counting()
  for await (const each of readAhead(source)) {
    t.equal(source.asked, each + 1)
    if (each === 3) break
  }
})

t.test('after one that is not worth it, the next is asked for when it is wanted', async (t) => {
  const source = counting()
  const isEven = (each: number) => each % 2 === 0
  for await (const each of readAhead(source, { isWorthIt: isEven })) {
    t.equal(source.asked, isEven(each) ? each + 1 : each)
    if (each === 4) break
  }
})

t.test('a source that waits is told that nothing more is wanted', async (t) => {
  const left = new AbortController()
  async function* source() {
    yield 1
    await new Promise((resolve) => left.signal.addEventListener('abort', resolve))
    yield 2
  }
  for await (const each of readAhead(source(), { leave: () => left.abort() })) {
    t.equal(each, 1)
    break
  }
  t.ok(left.signal.aborted)
})

t.test('a failure comes when its turn has come', async (t) => {
  async function* source() {
    yield 1
    throw new Error('It broke.')
  }
  const given: number[] = []
  const read = async () => {
    for await (const each of readAhead(source())) given.push(each)
  }
  await t.rejects(read(), { message: 'It broke.' })
  t.same(given, [1])
})

t.test('of the log, batches are large that a follower gets while it catches up', async (t) => {
  const batch = (events: number): FeedBatch => ({
    events: Array.from({ length: events }, () => ({}) as RecordedEvent),
    through: 1n,
  })
  t.notOk(isLarge(batch(0)))
  t.notOk(isLarge(batch(50)))
  t.ok(isLarge(batch(1_000)))
})
