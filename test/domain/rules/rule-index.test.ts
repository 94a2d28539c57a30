import fc from 'fast-check'
import t from 'tap'
import { ExpressionCompiler, evaluate } from '../../../domain/rules/condition/condition.ts'
import { RuleIndex } from '../../../domain/rules/rule-index.ts'
import { ruleScope } from '../../../domain/rules/rule-scope.ts'
import { schemaOf, toolCalled } from '../../support/rules.ts'

const TYPES = ['ToolCalled', 'ServerQuarantined'] as const
const compiler = new ExpressionCompiler()

function compiled(text: string) {
  const scope = ruleScope(TYPES, schemaOf)
  if (typeof scope === 'string') throw new Error(scope)
  const result = compiler.compile(text, scope, 'bool')
  if ('error' in result) throw new Error(`${text}: ${result.error.message}`)
  return result.expression
}

const installations = ['i1', 'i2', 'i3']
const tools = ['a', 'b']
const part = fc.oneof(
  fc.constantFrom(...installations).map((id) => `event.subject == '${id}'`),
  fc.constantFrom(...installations).map((id) => `'${id}' == event.data.installationId`),
  fc
    .subarray(tools)
    .map((some) => `event.data.tool in [${some.map((tool) => `'${tool}'`).join(', ')}]`),
  fc.constantFrom(...TYPES).map((type) => `event.type == '${type}'`),
  fc
    .tuple(fc.constantFrom('>', '>=', '<', '<='), fc.integer({ min: -2, max: 5 }))
    .map(([operator, bound]) => `event.data.requestBytes ${operator} ${bound}`),
  fc
    .tuple(fc.constantFrom('>', '<'), fc.integer({ min: -2, max: 5 }))
    .map(([operator, bound]) => `${bound}.5 ${operator} event.data.durationMs`),
  fc.constantFrom("event.data.outcome != 'ok'", 'event.data.requestBytes == 3', 'true'),
)
const conjunction = fc
  .array(part, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(' && '))
const condition = fc.oneof(
  { weight: 4, arbitrary: conjunction },
  { weight: 1, arbitrary: fc.tuple(conjunction, conjunction).map((both) => both.join(' || ')) },
  { weight: 1, arbitrary: conjunction.map((text) => `!(${text})`) },
)
const events = fc.record({
  type: fc.constantFrom(...TYPES),
  installationId: fc.constantFrom(...installations, 'i4'),
  tool: fc.constantFrom(...tools, 'c'),
  outcome: fc.constantFrom('ok', 'timeout'),
  requestBytes: fc.integer({ min: 0, max: 5 }),
  durationMs: fc.constantFrom(0, 1.5, 3, -1),
})

t.test('every rule that matches an event is among its candidates', async () => {
  fc.assert(
    fc.property(
      fc.array(condition, { minLength: 1, maxLength: 20 }),
      fc.array(events, { minLength: 1, maxLength: 10 }),
      fc.array(fc.nat(19), { maxLength: 5 }),
      (texts, happened, removed) => {
        const index = new RuleIndex<number>()
        texts.forEach((text, rule) => {
          index.add(rule, TYPES, compiled(text).conjuncts)
        })
        for (const rule of removed) index.remove(rule)
        return happened.every(({ type, ...data }) => {
          const event = { ...toolCalled(0, data), type, subject: data.installationId }
          const found = index.candidates(type, event)
          return texts.every((text, rule) => {
            const outcome = evaluate(compiled(text), { roots: { event }, windows: [] })
            const matches = 'value' in outcome && outcome.value === true
            return removed.includes(rule) ? !found.has(rule) : !matches || found.has(rule)
          })
        })
      },
    ),
    { numRuns: 500 },
  )
})

t.test('of many rules only those of the subject and below the bound are candidates', async (t) => {
  const index = new RuleIndex<string>()
  for (let subject = 0; subject < 100; subject++)
    for (let bound = 0; bound < 10; bound++) {
      const text = `event.subject == 's${subject}' && event.data.requestBytes > ${bound * 10}`
      index.add(`${subject}/${bound}`, ['ToolCalled'], compiled(text).conjuncts)
    }
  const event = { subject: 's7', data: { requestBytes: 25 } }
  t.same([...index.candidates('ToolCalled', event)], ['7/0', '7/1', '7/2'])
  t.equal(index.candidates('ServerInstalled', event).size, 0)
})

t.test('a rule that changes is found where it is now', async (t) => {
  const index = new RuleIndex<string>()
  index.add('rule', ['ToolCalled'], compiled("event.subject == 'a'").conjuncts)
  index.add('rule', ['ServerInstalled'], compiled("event.subject == 'b'").conjuncts)
  t.equal(index.candidates('ToolCalled', { subject: 'a' }).size, 0)
  t.equal(index.candidates('ServerInstalled', { subject: 'a' }).size, 0)
  t.equal(index.candidates('ServerInstalled', { subject: 'b' }).size, 1)
})
