import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import { erasureOwed, type SubjectEvent, subject } from '../../../domain/privacy/subject.ts'
import { given } from '../../support/given.ts'

const history = given(subject)
const subjectId = '5f0c2a66-7d3e-4b6e-9d57-3c0a2f5f0b11'
const now = '2026-01-02T03:04:05.000Z'
const request = { type: 'RequestErasure', subjectId, known: true, now } as const
const record = { type: 'RecordErasure', now } as const
const requested: SubjectEvent = {
  type: 'SubjectErasureRequested',
  data: { subjectId, requestedAt: now },
}
const erased: SubjectEvent = { type: 'SubjectErased', data: { subjectId, erasedAt: now } }

t.test('an erasure is requested once and recorded once', async (t) => {
  t.same(history().when(request), accept(requested))
  t.same(history(requested).when(request), accept())
  t.same(history(requested).when(record), accept(erased))
  t.same(history(requested, erased).when(request), accept())
  t.same(history(requested, erased).when(record), accept())
  t.same(history().when(record), accept(), 'nobody asked for it')
})

t.test('of somebody of whom nothing is recorded, nothing is erased', async (t) => {
  t.match(history().when({ ...request, known: false }), {
    rejection: { kind: 'not-found', code: 'subject-unknown' },
  })
  t.same(history(requested).when({ ...request, known: false }), accept())
})

t.test('from the request to the record the key is owed to be destroyed', async (t) => {
  const owed = (...events: readonly SubjectEvent[]) =>
    erasureOwed(events.reduce(subject.evolve, subject.initial))
  t.equal(owed(), undefined)
  t.equal(owed(requested), subjectId)
  t.equal(owed(requested, erased), undefined)
})
