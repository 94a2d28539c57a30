import t from 'tap'
import {
  evaluateCondition,
  evaluateExpression,
  evaluateTemplate,
} from '../../../domain/workflows/expression.ts'
import { JqError, JqLimitError, JqSyntaxError } from '../../../domain/workflows/jq/errors.ts'

const LIMITS = { maxSteps: 100_000, maxBytes: 1_000_000, now: 1_700_000_000_000 }
const ARGS = { context: { region: 'eu' }, task: { name: 'check' } }
const INPUT = { pet: { id: 7, tags: ['a', 'b'] } }

t.test('an enclosed string becomes what it evaluates to, of any type', async (t) => {
  const template = { id: '${ .pet.id }', all: ['${.pet.tags}', '${ $context.region }'], n: 1 }
  t.same(evaluateTemplate(template, INPUT, ARGS, LIMITS), {
    id: 7,
    all: [['a', 'b'], 'eu'],
    n: 1,
  })
})

t.test('a string that is not enclosed is text', async (t) => {
  t.equal(evaluateTemplate('.pet.id', INPUT, ARGS, LIMITS), '.pet.id')
  t.equal(evaluateTemplate('pet ${ .pet.id }', INPUT, ARGS, LIMITS), 'pet ${ .pet.id }')
})

t.test('in loose mode a string that cannot be evaluated stays as it is', async (t) => {
  const template = ['.pet.id', 'plain words here', 'error("x")', '${ .pet.id }']
  t.same(evaluateTemplate(template, INPUT, ARGS, LIMITS, 'loose'), [
    7,
    'plain words here',
    'error("x")',
    7,
  ])
})

t.test('where an expression is wanted it needs no enclosure', async (t) => {
  t.equal(evaluateExpression('.pet.id', INPUT, ARGS, LIMITS), 7)
  t.equal(evaluateExpression('${ .pet.id }', INPUT, ARGS, LIMITS), 7)
  t.same(evaluateExpression({ id: '${ .pet.id }' }, INPUT, ARGS, LIMITS), { id: 7 })
})

t.test('a condition holds for anything but false, null and nothing', async (t) => {
  t.equal(evaluateCondition('.pet.id == 7', INPUT, ARGS, LIMITS), true)
  t.equal(evaluateCondition('${ .pet.none }', INPUT, ARGS, LIMITS), false)
  t.equal(evaluateCondition('empty', INPUT, ARGS, LIMITS), false)
  t.equal(evaluateCondition('0', INPUT, ARGS, LIMITS), true)
})

t.test('only the first output is computed', async (t) => {
  t.equal(evaluateExpression('1, error("never")', INPUT, ARGS, LIMITS), 1)
  t.equal(evaluateExpression('repeat(1)', 5, ARGS, LIMITS), 5)
})

t.test('now is the time that was given', async (t) => {
  t.equal(evaluateExpression('now', null, ARGS, LIMITS), 1_700_000_000)
})

t.test('an unknown argument, an error and an expression without end are told apart', async (t) => {
  t.throws(() => evaluateExpression('$secrets', null, ARGS, LIMITS), JqSyntaxError)
  t.throws(() => evaluateExpression('error("no")', null, ARGS, LIMITS), JqError)
  t.throws(() => evaluateExpression('[range(infinite)]', null, ARGS, LIMITS), JqLimitError)
})

t.test('all expressions of a template share one budget', async (t) => {
  const costly = '${ reduce range(20000) as $i (0; . + $i) }'
  t.same(evaluateTemplate([costly], null, ARGS, LIMITS), [199990000])
  t.throws(() => evaluateTemplate(Array(10).fill(costly), null, ARGS, LIMITS), JqLimitError)
})

t.test('a member called __proto__ is a member', async (t) => {
  const template = JSON.parse('{"__proto__": "${ 1 }"}')
  t.equal(JSON.stringify(evaluateTemplate(template, null, ARGS, LIMITS)), '{"__proto__":1}')
})
