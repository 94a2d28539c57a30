import t from 'tap'
import { eventCatalogue } from '../../../domain/event-catalogue.ts'
import { isDecidedOn, subjectKindOf, subjectOf } from '../../../domain/rules/subject.ts'
import { ruleEvent, schemaOf, toolCalled } from '../../support/rules.ts'

const types = Object.values(eventCatalogue).flatMap((events) => Object.keys(events))

t.test('it is decided for every event type of the system whom it is about', async (t) => {
  t.same(
    types.filter((type) => !isDecidedOn(type)),
    [],
    'types that are missing in domain/rules/subject.ts',
  )
})

t.test('what makes up a subject’s id are fields that every such event has', async (t) => {
  for (const type of types.filter((each) => subjectKindOf(each) !== undefined)) {
    const required = (schemaOf(type) as { readonly required?: readonly string[] }).required ?? []
    const data = Object.fromEntries(required.map((field) => [field, `<${field}>`]))
    const subject = subjectOf(ruleEvent(0, type, data))
    t.equal(subject?.id === 'tenant', subject?.kind === 'tenant', type)
    t.notMatch(subject?.id, /^\/|\/$/, type)
  }
})

t.test('a call is about its installation, an entry about its service', async (t) => {
  t.same(subjectOf(toolCalled(0, { installationId: 'i1' })), { kind: 'installation', id: 'i1' })
  const entry = ruleEvent(0, 'CatalogueEntryAdded', { sourceId: 'official', name: 'io.example/x' })
  t.same(subjectOf(entry), { kind: 'service', id: 'official/io.example/x' })
})

t.test('a tenant’s own event is about what it names, else about the tenant', async (t) => {
  t.same(subjectOf(ruleEvent(0, 'custom.InvoicePaid', {}, { subject: 'invoice-7' })), {
    kind: 'custom',
    id: 'invoice-7',
  })
  t.same(subjectOf(ruleEvent(0, 'custom.InvoicePaid', {})), { kind: 'custom', id: 'tenant' })
})

t.test('nobody listens to what there is not', async (t) => {
  t.equal(subjectOf(ruleEvent(0, 'constructor', {})), undefined)
})
