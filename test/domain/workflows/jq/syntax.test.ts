import t from 'tap'
import { JqSyntaxError } from '../../../../domain/workflows/jq/errors.ts'
import { compileJq } from '../../../../domain/workflows/jq/jq.ts'
import { oracleAccepts } from '../../../support/jq-oracle.ts'

const REFUSED: readonly string[] = [
  '',
  '1 +',
  '{',
  '[1',
  '"abc',
  '"\\x"',
  '.a b',
  '1 == 1 == 1',
  '1 = 1 = 1',
  '{a: 1 as $x | $x}',
  '{a b}',
  '{a: 1, 4: 1}',
  'foo',
  'split(1; 2; 3; 4)',
  '$foo',
  'break $x',
  'label $f | def g: break $h; g',
  'if 1 then 2',
  'reduce 1 as $x (0)',
  'try',
  '. as [$a, | 1',
  '. as {a} | 1',
  'def f: 1',
  'def f(: 1; 1',
  '"\\(1;2)"',
  '.[',
  '.[1:2:3]',
  '}',
  'a.b..c',
  '1 as $x',
  '. | ',
  ', 1',
  'else',
]

t.test('what jq refuses is refused, with the place', async (t) => {
  for (const program of REFUSED) {
    t.throws(() => compileJq(program), JqSyntaxError, program)
    t.equal(oracleAccepts(program) && program !== '', false, `jq refuses ${program}`)
  }
})

t.test('an error says line and column, and points at the place', async (t) => {
  const fault = faultOf('.a\n  | foo(1)\n  | .b')
  t.match(fault, { offset: 7, line: 2, column: 5, reason: 'foo/1 is not defined' })
  t.equal(fault?.message, 'foo/1 is not defined at line 2, column 5:\n  | foo(1)\n    ^')
})

t.test('the excerpt of a long line is short', async (t) => {
  const fault = faultOf(`${'.a | '.repeat(200)}$x`)
  t.equal((fault?.message.length ?? 0) < 300, true)
})

t.test('a program that is nested too deep or too long is refused, without a crash', async (t) => {
  const deep = [
    '['.repeat(100_000),
    `${'('.repeat(5_000)}1${')'.repeat(5_000)}`,
    `${'-'.repeat(50_000)}1`,
    Array(20_000).fill('.').join('|'),
    `${'"\\('.repeat(2_000)}1${')"'.repeat(2_000)}`,
    `${'if . then 1 elif '.repeat(3_000)} . then 1 end`,
    `${'{a:'.repeat(5_000)}1${'}'.repeat(5_000)}`,
    `. as ${'['.repeat(5_000)}$x${']'.repeat(5_000)} | 1`,
    `${'def f: '.repeat(5_000)}1${'; 1'.repeat(5_000)}`,
    `${'try '.repeat(10_000)}1`,
    ' '.repeat(200_000),
  ]
  for (const program of deep)
    t.throws(() => compileJq(program), JqSyntaxError, program.slice(0, 20))
})

t.test('a program whose compiled form explodes is refused', async (t) => {
  const nested = `${'. as [$a] ?// $a | '.repeat(30)}$a`
  t.throws(() => compileJq(nested), JqSyntaxError)
  const inner = (depth: number): string =>
    depth === 40 ? '1' : `def f${depth}: ${inner(depth + 1)}, f${depth}; f${depth}`
  const recursive = inner(0)
  t.throws(() => compileJq(recursive), JqSyntaxError)
})

t.test('long chains that are not nested are taken', async (t) => {
  t.ok(compileJq(Array(5_000).fill('1').join(', ')))
  t.ok(compileJq(Array(200).fill('.a').join(' | ')))
  t.ok(compileJq(`{${Array.from({ length: 2_000 }, (_, at) => `k${at}: .a`).join(', ')}}`))
})

function faultOf(program: string): JqSyntaxError | undefined {
  try {
    compileJq(program)
    return undefined
  } catch (fault) {
    return fault instanceof JqSyntaxError ? fault : undefined
  }
}
