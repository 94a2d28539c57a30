import fc from 'fast-check'
import t from 'tap'
import {
  type AppendDecision,
  type AppendRequest,
  decideAppends,
  decideUnasked,
  type LogState,
} from '../../../../infra/eventstore/postgres/decide-appends.ts'

/** The log as a plain list, which is searched anew for every question. */
type ModelEvent = { readonly id: string; readonly stream: string; readonly revision: bigint }

function modelAppend(log: ModelEvent[], { stream, ids, expected }: AppendRequest): string {
  const places = ids.map((id) => log.findIndex((event) => event.id === id))
  const own = log.filter((event) => event.stream === stream)
  if (places.some((place) => place >= 0)) {
    const start = own.findIndex(({ id }) => id === ids[0])
    const isRetry = start >= 0 && ids.every((id, index) => own[start + index]?.id === id)
    if (!isRetry) return 'id-conflict'
    return `at ${start + ids.length - 1}/${(places.at(-1) ?? 0) + 1}`
  }
  const holds = {
    any: true,
    'no-stream': own.length === 0,
    'stream-exists': own.length > 0,
  }
  const isExpected =
    typeof expected === 'bigint'
      ? own.length > 0 && BigInt(own.length - 1) === expected
      : holds[expected]
  if (!isExpected) return `conflict ${own.length === 0 ? 'no-stream' : own.length - 1}`
  ids.forEach((id, index) => {
    log.push({ id, stream, revision: BigInt(own.length + index) })
  })
  return `at ${own.length + ids.length - 1}/${log.length}`
}

function stateOf(log: readonly ModelEvent[], requests: readonly AppendRequest[]): LogState {
  const streams = new Set(requests.map(({ stream }) => stream))
  const ids = new Set(requests.flatMap((request) => request.ids))
  const known = log.flatMap((event, index) =>
    ids.has(event.id) ? [[event.id, { ...event, position: BigInt(index + 1) }] as const] : [],
  )
  const revisions = log.flatMap(({ stream, revision }) =>
    streams.has(stream) ? [[stream, revision] as const] : [],
  )
  return { head: BigInt(log.length), revisions: new Map(revisions), known: new Map(known) }
}

function say(decision: AppendDecision, { ids }: AppendRequest): string {
  switch (decision.outcome) {
    case 'write': {
      const last = BigInt(ids.length - 1)
      return `at ${decision.revision + last}/${decision.position + last}`
    }
    case 'repeat':
      return `at ${decision.appended.revision}/${decision.appended.position}`
    case 'refuse':
      return decision.error.name === 'RevisionConflictError' && 'actual' in decision.error
        ? `conflict ${decision.error.actual}`
        : 'id-conflict'
  }
}

// Few streams and few ids, so that requests meet each other.
const request: fc.Arbitrary<AppendRequest> = fc.record({
  stream: fc.constantFrom('a', 'b', 'c'),
  ids: fc.uniqueArray(fc.integer({ min: 0, max: 24 }).map(String), { minLength: 1, maxLength: 3 }),
  expected: fc.oneof(
    fc.constantFrom('any' as const, 'no-stream' as const, 'stream-exists' as const),
    fc.bigInt({ min: 0n, max: 5n }),
  ),
})
const batches = fc.array(fc.array(request, { minLength: 1, maxLength: 5 }), { maxLength: 8 })

t.test('a batch is decided as its appends one after the other on a plain list', async () => {
  fc.assert(
    fc.property(batches, (batches) => {
      const log: ModelEvent[] = []
      for (const requests of batches) {
        const { decisions, after } = decideAppends(stateOf(log, requests), requests)
        const modelled = requests.map((each) => modelAppend(log, each))
        const said = decisions.map((decision, index) => say(decision, requests[index] ?? fail()))
        if (said.join() !== modelled.join())
          throw new Error(`decided ${said.join()}, the model says ${modelled.join()}`)
        if (after.head !== BigInt(log.length)) throw new Error(`head ${after.head}`)
      }
    }),
    { numRuns: 2_000 },
  )
})

t.test(
  'what is decided without asking is what asking would have said, or breaks a unique key',
  async (t) => {
    let decidedUnasked = 0
    fc.assert(
      fc.property(
        batches,
        fc.array(request, { minLength: 1, maxLength: 4 }),
        (batches, requests) => {
          const log: ModelEvent[] = []
          for (const batch of batches) for (const each of batch) modelAppend(log, each)
          const full = stateOf(log, [...batches.flat(), ...requests])
          // What a turn remembers: the head, and the streams that it wrote to, here all but `c`.
          const revisions = new Map([...full.revisions].filter(([stream]) => stream !== 'c'))
          const plan = decideUnasked({ head: full.head, revisions }, requests)
          if (plan === undefined) return
          decidedUnasked++
          const breaksId = requests.some(({ ids }) => ids.some((id) => full.known.has(id)))
          const breaksRevision =
            full.revisions.has('c') && requests.some(({ stream }) => stream === 'c')
          if (breaksId || breaksRevision) return
          const asked = decideAppends(full, requests)
          const [unaskedSaid, askedSaid] = [plan, asked].map(({ decisions }) =>
            decisions.map((decision, index) => say(decision, requests[index] ?? fail())).join(),
          )
          if (unaskedSaid !== askedSaid) throw new Error(`${unaskedSaid} instead of ${askedSaid}`)
        },
      ),
      { numRuns: 2_000 },
    )
    t.ok(decidedUnasked > 50, 'the property says something')
  },
)

t.test('each append of a batch sees the ones before it', async (t) => {
  const requests: AppendRequest[] = [
    { stream: 'a', ids: ['1', '2'], expected: 'no-stream' },
    { stream: 'a', ids: ['3'], expected: 'no-stream' },
    { stream: 'a', ids: ['4'], expected: 1n },
    { stream: 'a', ids: ['1', '2'], expected: 'no-stream' },
    { stream: 'b', ids: ['4'], expected: 'any' },
  ]
  const log = { head: 7n, revisions: new Map(), known: new Map() }
  t.match(decideAppends(log, requests), {
    decisions: [
      { outcome: 'write', revision: 0n, position: 8n },
      { outcome: 'refuse', error: { name: 'RevisionConflictError', actual: 1n } },
      { outcome: 'write', revision: 2n, position: 10n },
      { outcome: 'repeat', appended: { revision: 1n, position: 9n } },
      { outcome: 'refuse', error: { name: 'EventIdConflictError' } },
    ],
    after: { head: 10n },
  })
})

function fail(): never {
  throw new Error('There is a request for every decision.')
}
