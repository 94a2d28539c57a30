import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import { workflow, workflowStream } from '../../../domain/workflows/definition.ts'
import type { WorkflowDocument } from '../../../domain/workflows/document.ts'
import type { WorkflowEvent } from '../../../domain/workflows/events.ts'
import { given } from '../../support/given.ts'

const history = given(workflow)
const now = '2026-01-02T03:04:05.000Z'
const owner = { actorId: 'key-1', scopes: ['workflows:write'] }
const of = { namespace: 'examples', name: 'nightly' }

function document(version: string): WorkflowDocument {
  return { document: { dsl: '1.0.3', ...of, version }, do: [{ pause: { wait: 'PT1S' } }] }
}
function content(version: string, hash: string) {
  return { ...of, version, documentHash: hash, document: document(version), source: 'text', owner }
}
function defined(version: string, hash = 'a'): WorkflowEvent {
  return { type: 'WorkflowDefined', data: { ...content(version, hash), definedAt: now } }
}
function revised(version: string, hash: string): WorkflowEvent {
  return { type: 'WorkflowRevised', data: { ...content(version, hash), revisedAt: now } }
}
function applying(version: string, hash = 'a', enabled = true) {
  const asked = { document: document(version), hash, source: 'text', owner, enabled, now }
  return { type: 'ApplyWorkflow', ...asked } as const
}
const disabled: WorkflowEvent = { type: 'WorkflowDisabled', data: { ...of, disabledAt: now } }
const removed: WorkflowEvent = { type: 'WorkflowRemoved', data: { ...of, removedAt: now } }

t.test('a stream is one of a tenant, a namespace and a name', async (t) => {
  t.equal(workflowStream('acme', of), 'workflow-acme.examples.nightly')
})

t.test('a document that is new defines the workflow, which can be disabled at once', async (t) => {
  t.same(history().when(applying('1.0.0')), accept(defined('1.0.0')))
  t.same(history().when(applying('1.0.0', 'a', false)), accept(defined('1.0.0'), disabled))
})

t.test('applying the same content again records nothing', async (t) => {
  t.same(history(defined('1.0.0')).when(applying('1.0.0')), accept())
  t.same(history(defined('1.0.0'), disabled).when(applying('1.0.0')), accept(), 'disabled or not')
})

t.test('another version revises it', async (t) => {
  t.same(history(defined('1.0.0')).when(applying('1.1.0', 'b')), accept(revised('1.1.0', 'b')))
  t.same(
    history(defined('1.0.0'), revised('1.1.0', 'b')).when(applying('1.0.0')),
    accept(revised('1.0.0', 'a')),
    'also the one before: new runs begin with it again',
  )
})

t.test('a version has one content for ever', async (t) => {
  const refused = { rejection: { kind: 'conflict', code: 'workflow-version-exists' } }
  t.match(history(defined('1.0.0')).when(applying('1.0.0', 'b')), refused)
  t.match(history(defined('1.0.0'), removed).when(applying('1.0.0', 'b')), refused)
})

t.test('a removed workflow can be defined again, and keeps its versions for runs', async (t) => {
  t.same(history(defined('1.0.0'), removed).when(applying('1.0.0')), accept(defined('1.0.0')))
  const state = [defined('1.0.0'), removed].reduce(workflow.evolve, workflow.initial)
  t.equal(state.versions.get('1.0.0')?.hash, 'a')
})

t.test('enabling, disabling and removing twice records nothing', async (t) => {
  const order = (type: 'EnableWorkflow' | 'DisableWorkflow' | 'RemoveWorkflow') => ({
    ...{ type, ...of, now },
  })
  t.same(history(defined('1.0.0')).when(order('EnableWorkflow')), accept())
  t.same(history(defined('1.0.0')).when(order('DisableWorkflow')), accept(disabled))
  t.same(history(defined('1.0.0'), disabled).when(order('DisableWorkflow')), accept())
  t.same(
    history(defined('1.0.0'), disabled).when(order('EnableWorkflow')),
    accept({ type: 'WorkflowEnabled', data: { ...of, enabledAt: now } }),
  )
  t.same(history(defined('1.0.0')).when(order('RemoveWorkflow')), accept(removed))
  t.same(history(defined('1.0.0'), removed).when(order('RemoveWorkflow')), accept())
})

t.test('what is not there cannot be changed', async (t) => {
  const refused = { rejection: { kind: 'not-found', code: 'workflow-not-found' } }
  for (const type of ['EnableWorkflow', 'DisableWorkflow', 'RemoveWorkflow'] as const)
    t.match(history().when({ type, ...of, now }), refused)
})
