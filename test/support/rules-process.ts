import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createPool } from '../../infra/postgres/pool.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { runRuleReactor } from '../../services/rules/reactor.ts'
import { ruleDeps } from './rule-world.ts'

// A process of its own that asks rules and does what they owe, and dies at one of its appends:
//   rules-process.ts <database URL> <which append, from 1> <before|after>

const [url = '', which = '', side = ''] = process.argv.slice(2)
const pool = createPool(url)
const store = createPostgresEventStore({
  ...{ pool, codec: createEventCodec({ now: () => new Date() }) },
  ...{ logger: silent, metrics: noMetrics },
})
let appends = 0

const mortal: EventStore = {
  async append(...args) {
    const isLast = ++appends === Number(which)
    if (isLast && side === 'before') process.kill(process.pid, 'SIGKILL')
    const appended = await store.append(...args)
    if (isLast) process.kill(process.pid, 'SIGKILL')
    return appended
  },
  readStream: (...args) => store.readStream(...args),
  readAll: (...args) => store.readAll(...args),
  follow: (...args) => store.follow(...args),
  head: () => store.head(),
  [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
}
const { deps } = ruleDeps(mortal, pool)
await runRuleReactor(deps, new AbortController().signal)
