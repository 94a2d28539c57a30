import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import type { WorkflowSecretEvent } from '../../../domain/workflows/events.ts'
import { workflowSecrets } from '../../../domain/workflows/secrets.ts'
import { given } from '../../support/given.ts'

const now = '2026-01-02T03:04:05.000Z'
const origins = ['https://a.example']
const history = given(workflowSecrets)
const store = (name: string) => ({ type: 'StoreWorkflowSecret', name, origins, now }) as const
const remove = { type: 'RemoveWorkflowSecret', name: 'a', now } as const
const stored = (name: string): WorkflowSecretEvent => ({
  type: 'WorkflowSecretStored',
  data: { name, origins, storedAt: now },
})
const removed: WorkflowSecretEvent = {
  type: 'WorkflowSecretRemoved',
  data: { name: 'a', removedAt: now },
}

t.test('a secret is stored each time that it is given: nobody can tell its value', async (t) => {
  t.same(history().when(store('a')), accept(stored('a')))
  t.same(history(stored('a')).when(store('a')), accept(stored('a')))
})

t.test('what is not there is removed already', async (t) => {
  t.same(history().when(remove), accept())
  t.same(history(stored('a')).when(remove), accept(removed))
  t.same(history(stored('a'), removed).when(remove), accept())
})

t.test('a tenant has so many, and may change those', async (t) => {
  const full = Array.from({ length: 200 }, (_, index) => stored(`s${index}`))
  t.match(history(...full).when(store('more')), { rejection: { kind: 'conflict' } })
  t.match(history(...full).when(store('s7')), { outcome: 'accepted' })
})
