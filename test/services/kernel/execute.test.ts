import { randomUUID } from 'node:crypto'
import t from 'tap'
import { accept, type Decider, reject } from '../../../domain/kernel/decider.ts'
import { streamName } from '../../../domain/kernel/ids.ts'
import { execute, load } from '../../../services/kernel/execute.ts'
import { ProblemError } from '../../../services/kernel/problem.ts'
import { type EventStore, RevisionConflictError } from '../../../services/ports/event-store.ts'
import { all, createTestCodec, idsOf } from '../../support/event-store-contract/scene.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'

type Moved = { readonly type: 'CounterMoved'; readonly data: { readonly by: number } }
type Command = { readonly by: number; readonly times?: number }
type State = { readonly total: number; readonly decided: number }

/** A counter that never goes below zero. */
const counter: Decider<State, Command, Moved, 'below-zero'> = {
  initial: { total: 0, decided: 0 },
  decide({ total }, { by, times = 1 }) {
    if (by === 0) return accept()
    if (total + by * times < 0) return reject('conflict', 'below-zero', `${total} is too little.`)
    return accept(
      ...Array.from({ length: times }, (): Moved => ({ type: 'CounterMoved', data: { by } })),
    )
  },
  evolve: ({ total, decided }, { data }) => ({ total: total + data.by, decided: decided + 1 }),
}
const context = { tenantId: 'acme', actorId: 'ann', correlationId: 'run', causationId: 'request' }
const newStream = () => streamName('counter', 'acme', randomUUID())

const { store, pool } = await freshPostgresStore(t, createTestCodec())

/** The real store, but somebody else is always a moment faster, `times` times. */
function overtaken(
  stream: string,
  times: number,
): EventStore & { readonly attempts: () => number } {
  let attempts = 0
  return {
    attempts: () => attempts,
    async append(...args) {
      if (attempts++ < times) await execute(store, counter, stream, { by: 1 }, context)
      return store.append(...args)
    },
    readStream: (...args) => store.readStream(...args),
    readAll: (...args) => store.readAll(...args),
    follow: (...args) => store.follow(...args),
    head: () => store.head(),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

t.test('a command appends what it decides and answers with the outcome', async (t) => {
  const stream = newStream()
  t.match(await execute(store, counter, stream, { by: 3 }, context), {
    revision: 0n,
    state: { total: 3 },
  })
  const done = await execute(store, counter, stream, { by: -1, times: 2 }, context)
  t.match(done, { revision: 2n, state: { total: 1, decided: 3 } })
  const stored = await all(store.readStream(stream))
  t.equal(stored.at(-1)?.position, done.position)
  t.match(stored, [context, context, context])
})

t.test(
  'a command that is already satisfied appends nothing and answers with where the stream is',
  async (t) => {
    const stream = newStream()
    t.match(await execute(store, counter, stream, { by: 0 }, context), {
      revision: 'no-stream',
      position: 0n,
      state: counter.initial,
    })
    const { position } = await execute(store, counter, stream, { by: 2 }, context)
    t.match(await execute(store, counter, stream, { by: 0 }, context), {
      revision: 0n,
      position,
      state: { total: 2 },
    })
  },
)

t.test('a refusal is a problem and appends nothing', async (t) => {
  const stream = newStream()
  const error = await execute(store, counter, stream, { by: -1 }, context).catch((e) => e)
  t.ok(error instanceof ProblemError)
  t.match(error.problem, { status: 409, code: 'below-zero', detail: '0 is too little.' })
  t.same(await all(store.readStream(stream)), [])
})

t.test('a command that was overtaken decides again on what is there now', async (t) => {
  const stream = newStream()
  const slow = overtaken(stream, 2)
  t.match(await execute(slow, counter, stream, { by: 10 }, context), {
    revision: 2n,
    state: { total: 12, decided: 3 },
  })
  t.equal(slow.attempts(), 3)
})

t.test('a command that is always overtaken gives up with the conflict', async (t) => {
  const stream = newStream()
  const slow = overtaken(stream, Number.POSITIVE_INFINITY)
  await t.rejects(execute(slow, counter, stream, { by: 10 }, context), RevisionConflictError)
  const { state } = await load(store, counter, stream)
  t.equal(state.total, slow.attempts(), 'only the others wrote')
})

t.test('commands on one aggregate at the same time are all carried out', async (t) => {
  const stream = newStream()
  await Promise.all(
    Array.from({ length: 6 }, () => execute(store, counter, stream, { by: 1 }, context)),
  )
  t.match(await load(store, counter, stream), { revision: 5n, state: { total: 6 } })
})

t.test(
  'the same command id is carried out once, however often and whenever it is sent',
  async (t) => {
    const stream = newStream()
    const command = { by: 1, times: 2 }
    const identified = { ...context, commandId: 'order-7' }
    const first = await Promise.all(
      Array.from({ length: 4 }, () => execute(store, counter, stream, command, identified)),
    )
    for (const each of first) t.match(each, { revision: 1n, state: { total: 2 } })
    await execute(store, counter, stream, { by: 5 }, context)
    t.match(await execute(store, counter, stream, command, identified), { state: { total: 7 } })
    t.equal((await all(store.readStream(stream))).length, 3)
  },
)

t.test('a command that another sender of it overtook with another decision is done', async (t) => {
  const stream = newStream()
  const identified = { ...context, commandId: 'order-8' }
  const slow: EventStore = {
    ...overtaken(stream, 0),
    async append(...args) {
      await execute(store, counter, stream, { by: 1 }, identified)
      return store.append(...args)
    },
  }
  t.match(await execute(slow, counter, stream, { by: 1, times: 2 }, identified), {
    state: { total: 1 },
  })
  t.equal((await all(store.readStream(stream))).length, 1)
})

t.test('a command id belongs to its stream', async (t) => {
  const [one, other] = [newStream(), newStream()]
  const identified = { ...context, commandId: 'order-7' }
  await execute(store, counter, one, { by: 1 }, identified)
  t.match(await execute(store, counter, other, { by: 1 }, identified), { state: { total: 1 } })
  const ids = idsOf([
    ...(await all(store.readStream(one))),
    ...(await all(store.readStream(other))),
  ])
  t.equal(new Set(ids).size, 2)
})

t.test('a stream with an event that cannot be read is not decided upon', async (t) => {
  const stream = newStream()
  await execute(store, counter, stream, { by: 1 }, context)
  await pool.query(
    `insert into log.events (position, tenant_id, stream, revision, id, type, data, metadata)
     select max(position) + 1, 'acme', $1, 1, gen_random_uuid(), 'CounterMoved', '{"by":', '{}' from log.events`,
    [stream],
  )
  await t.rejects(execute(store, counter, stream, { by: 1 }, context), {
    message: /cannot be read/,
  })
  t.equal((await all(store.readStream(stream))).length, 2)
})
