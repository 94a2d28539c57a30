import { performance } from 'node:perf_hooks'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import type { CelType } from '../../../../domain/rules/condition/cel-type.ts'
import { ExpressionCompiler, evaluate } from '../../../../domain/rules/condition/condition.ts'
import type { ConditionScope } from '../../../../domain/rules/condition/scope.ts'
import { celEnvironment } from '../../../../domain/rules/condition/type-check.ts'
import { toJson } from '../../../../domain/rules/json-value.ts'
import { celExpression } from '../../../support/cel-expressions.ts'

const fields: readonly (readonly [string, CelType])[] = [
  ['text', { kind: 'string' }],
  ['whole', { kind: 'int' }],
  ['real', { kind: 'double' }],
  ['flag', { kind: 'bool' }],
  ['at', { kind: 'timestamp' }],
  ['words', { kind: 'list', of: { kind: 'string' } }],
  ['numbers', { kind: 'list', of: { kind: 'int' } }],
  ['open', { kind: 'map', of: { kind: 'dyn' } }],
]
const scope: ConditionScope = {
  key: 'test',
  roots: new Map([['event', { kind: 'object', fields: new Map(fields) }]]),
  pastEvent: () => 'There are no windows here.',
}
const compiler = new ExpressionCompiler()
const reference = celEnvironment(scope)

type Event = Readonly<Record<string, unknown>>

const event: Event = {
  text: 'timeout',
  whole: 7,
  real: 1.5,
  flag: true,
  at: '2026-01-02T03:04:05.000Z',
  words: ['a', 'b'],
  numbers: [1, 2, 3],
  open: { text: 'x', number: 5, list: [1, 'a'], within: { deep: true } },
}

/** What Tidemark makes of a text: its value as JSON, `error`, or why it is refused. */
function ours(text: string, of: Event = event): unknown {
  const compiled = compiler.compile(text, scope, 'any')
  if ('error' in compiled) return { refused: compiled.error.message }
  const outcome = evaluate(compiled.expression, { roots: { event: of }, windows: [] })
  return 'fault' in outcome ? 'error' : { value: toJson(outcome.value) }
}

/** What cel-js makes of it. */
function theirs(text: string, { at, whole, numbers, ...others }: Event): unknown {
  const parsed = reference.parse(text)
  if (!parsed.check().valid) return 'refused'
  const typed = {
    ...others,
    whole: BigInt(Number(whole)),
    at: new Date(String(at)),
    numbers: (numbers as readonly number[]).map(BigInt),
  }
  try {
    return { value: toJson(parsed({ event: typed })) }
  } catch {
    return 'error'
  }
}

t.test(
  'closures and cel-js agree on every expression, in its value or in that it fails',
  async (t) => {
    let refused = 0
    const small = fc.integer({ min: -3, max: 9 })
    const events = fc.record({
      text: fc.constantFrom('', 'timeout', 'Ünï', 'a,b'),
      whole: fc.oneof(small, fc.constant(Number.MAX_SAFE_INTEGER)),
      real: fc.constantFrom(0, -1.5, 2, 1e300),
      flag: fc.boolean(),
      at: fc.constantFrom('2026-01-02T03:04:05.000Z', '1999-12-31T23:59:59.000Z'),
      words: fc.array(fc.constantFrom('a', 'b', 'timeout'), { maxLength: 4 }),
      numbers: fc.array(small, { maxLength: 4 }),
      open: fc.constantFrom({}, { number: 5 }, { number: 'x', text: 'x', list: [1, 2] }),
    })
    fc.assert(
      fc.property(celExpression, events, (text, of) => {
        const [mine, other] = [ours(text, of), theirs(text, of)]
        if (other === 'refused') {
          refused += 1
          return typeof mine === 'object' && mine !== null && 'refused' in mine
        }
        return isDeepStrictEqual(mine, other)
      }),
      { numRuns: 3_000 },
    )
    t.ok(refused < 1_500, `${refused} of 3,000 were not well-typed`)
  },
)

const refusals: readonly (readonly [text: string, message: RegExp, caret: string])[] = [
  ['event.txt == "a"', /No such key: txt/, '      ^^^'],
  ['has(event.txt)', /No such key: txt/, '    ^^^^^^^^^'],
  ['true &&\n  event.whole == "a"', /no such overload: int == string/i, '  ^^^^^^^^^^^^^^^^^^'],
  ['event.real == 1', /no such overload: double == int/i, '^^^^^^^^^^^^^^^'],
  ['1 +', /Unexpected token/, '   ^'],
  ['facts.x', /Unknown variable: facts/, '^^^^^'],
  ['event.text.matches("(?=x)")', /not one of RE2/, '                   ^^^^^^'],
  [`event.text.matches("${'[a-z]{1000}'.repeat(40)}")`, /repeats too much/, ' '.repeat(19)],
  [`event.text.matches("${'a'.repeat(501)}")`, /500 characters/, ''],
  ['event == event', /no such overload: object == object/i, '^^^^^^^^^^^^^^'],
  ['event.text.matches(event.text)', /is a literal/, '                   ^^^^^^^^^^'],
  ['event.at.getHours("Europe/Paris") == 1', /not available/, '^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^'],
  ['b"x" == b"x"', /not available/, '^^^^'],
  ['type(1) == int', /not available/, '^^^^^^^'],
  [
    '[1].all(a, [1].all(b, [1].all(c, true)))',
    /nested 2 deep/,
    '                      ^^^^^^^^^^^^^^^^',
  ],
  [`${'('.repeat(50)}true${')'.repeat(50)}`, /maxDepth/, `${' '.repeat(32)}^`],
  [Array(300).fill('1 == 1').join(' || '), /maxAstNodes/, ''],
]

t.test('a mistake is shown where it is', async (t) => {
  for (const [text, message, caret] of refusals) {
    const compiled = compiler.compile(text, scope, 'bool')
    if (!('error' in compiled)) {
      t.fail(`${text} was taken`)
      continue
    }
    const { error } = compiled
    t.match(error.message, message)
    t.equal(error.excerpt.split('\n').at(-1)?.startsWith(caret), true, error.excerpt)
    t.equal(error.line, text.slice(0, error.offset).split('\n').length)
  }
})

t.test('a text of five megabytes is refused before anything reads it', async (t) => {
  const start = performance.now()
  const literal = `event.text == "${'x'.repeat(5_000_000)}"`
  t.match(compiler.compile(literal, scope, 'bool'), { error: { message: /4096 characters/ } })
  t.ok(performance.now() - start < 100)
})

const long = { ...event, numbers: Array.from({ length: 100_000 }, (_, index) => index) }
const hostile: readonly (readonly [text: string, of: Event, outcome: unknown])[] = [
  ['event.whole / 0 == 1', event, 'error'],
  ['event.whole % (event.whole - 7) == 1', event, 'error'],
  ['event.open.missing == 1', event, 'error'],
  ['event.open.text < 5', event, 'error'],
  ['event.open.text == 5', event, { value: false }],
  ['event.numbers.all(n, n >= 0)', long, 'error'],
  ['event.numbers.exists(n, n / 0 == 1)', long, 'error'],
  ['event.numbers.exists(n, n == 99) || event.numbers.all(n, n >= 0)', long, { value: true }],
  ['event.numbers.map(a, event.numbers.map(b, a * b)).size() > 0', long, 'error'],
  ['event.numbers.all(n, n >= 0) || true', long, 'error'],
  ['event.text.matches("(a+)+$")', { ...event, text: `${'a'.repeat(3_000)}!` }, { value: false }],
  ['event.text.matches("(a+)+$")', { ...event, text: `${'a'.repeat(1_000_000)}!` }, 'error'],
  ['event.text.matches("([a-z]?){200}!")', { ...event, text: 'a'.repeat(100_000) }, 'error'],
  ['event.words.map(w, w + event.text).size() > 0', { ...event, text: 'x'.repeat(2e6) }, 'error'],
]

t.test('what is hostile ends as an error of its evaluation, and soon', async (t) => {
  for (const [text, of, outcome] of hostile) {
    const start = performance.now()
    t.same(ours(text, of), outcome, text)
    const took = performance.now() - start
    t.ok(took < 1_000, `${text} took ${took} ms`)
  }
})

t.test('the budget cannot be argued away', async (t) => {
  const compiled = compiler.compile('event.numbers.all(n, n >= 0) || true', scope, 'bool')
  if ('error' in compiled) throw new Error(compiled.error.message)
  t.match(evaluate(compiled.expression, { roots: { event: long }, windows: [] }), {
    fault: /more than 50,000 steps/,
  })
})

t.test('what a condition reads is noted down, and only that', async (t) => {
  const compiled = compiler.compile(
    'event.whole > 5 && (event.text == "timeout" || event.flag) && has(event.open.text)',
    scope,
    'bool',
  )
  if ('error' in compiled) throw new Error(compiled.error.message)
  const reads = new Map<string, unknown>()
  evaluate(compiled.expression, { roots: { event }, windows: [] }, reads)
  t.same(
    [...reads],
    [
      ['event.whole', 7],
      ['event.text', 'timeout'],
      ['has(event.open.text)', true],
    ],
  )
})

t.test('texts that are equal are compiled once', async (t) => {
  const text = 'event.whole == 42'
  t.equal(compiler.compile(text, scope, 'bool'), compiler.compile(text, scope, 'bool'))
})
