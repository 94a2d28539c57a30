import t from 'tap'
import type { Json } from '../../../../domain/kernel/json.ts'
import { JqLimitError } from '../../../../domain/workflows/jq/errors.ts'
import { compileJq, runJq } from '../../../../domain/workflows/jq/jq.ts'
import { cpuMsOf } from '../../../support/cpu-time.ts'
import { LIMITS } from '../../../support/jq-oracle.ts'

const ENDLESS: readonly string[] = [
  '[range(1e9)]',
  'def f: f; f',
  'def f: 1 + f; f',
  'def f: [f]; f',
  'def f: ., f; f',
  'def f: (1,2) | f; f',
  'def f(x): f(x | x); f(1)',
  'def f($x): f($x + 1); f(0)',
  'def f: label $x | f; f',
  'def e: try e catch e; e',
  '[repeat(1)]',
  '[recurse(.)]',
  'until(false; .)',
  'last(range(infinite))',
  'any(range(1e9); false)',
  'isempty(range(1e9) | empty)',
  'first(range(1e9) | select(false))',
  'del(repeat(.a))',
  'range(0; 1; 1e-300)',
  'reduce range(1e9) as $i (0; . + 1)',
  '[foreach range(1e9) as $x (0; .; empty)]',
  '[range(1000)] | [.[] as $a | .[] as $b | .[] as $c | 1] | length',
  '[range(20)] | [combinations(10)]',
  '[range(100)] | sort_by(range(100000))',
]

const LARGE: readonly string[] = [
  '"x" * 1e9',
  'reduce range(100) as $i ("x"; . + .)',
  'reduce range(60) as $i (1; [.,.])',
  'reduce range(60) as $i (1; [.,.]) | tojson',
  'reduce range(60) as $i (1; {a:.,b:.}) | [..]',
  'reduce range(60) as $i (1; [.,.]) | . == .',
  'setpath([536870911]; 1)',
  '.[536870911] = 1',
  '@text "\\("x" * 1e8)"',
  '("a" * 10000000) | explode',
  '[range(100000)] - [range(100000)]',
  '[range(3000)] | map([range(3000)])',
]

const DEEP: readonly string[] = [
  'reduce range(100000) as $i (null; [.])',
  'reduce range(100000) as $i (null; [.]) | tojson',
  'reduce range(100000) as $i (null; {a:.}) | . == .',
  'reduce range(100000) as $i (null; [.]) | flatten',
  '[setpath([range(9000) | "a"]; 1) | ..] | length',
]

const PATTERNS: readonly string[] = [
  '("a" * 50000) | [match("(a.*b|a)"; "g")] | length',
  '("a" * 200000) | test("[a-z]" * 1000)',
  '("ab" * 100000) | gsub("(?<x>a)"; "\\(.x)\\(.x)")',
]

for (const [what, programs] of Object.entries({ ENDLESS, LARGE, DEEP, PATTERNS }))
  t.test(`${what.toLowerCase()}: each ends at its budget, soon`, async (t) => {
    for (const program of programs) {
      const ms = cpuMsOf(() => t.throws(() => run(program), JqLimitError, program))
      t.ok(ms < 5_000, `${program} ends soon`)
    }
  })

t.test('a budget cannot be caught, and what was caught does not give it back', async (t) => {
  t.throws(() => run('try [range(1e9)] catch "caught"'), JqLimitError)
  t.throws(() => run('[.[]?, (try last(range(1e9)) catch 1)] // 2'), JqLimitError)
  t.throws(() => run('[range(1e9) | try error("x") catch .] | length'), JqLimitError)
})

t.test('depth is given back where an error is caught', async (t) => {
  const deep = 'def f: if . == 0 then error("x") else 1 + (. - 1 | f) end;'
  t.same(run(`${deep} [range(500) | try (20 | f) catch 0] | length`), [500])
  t.same(run(`${deep} [range(500) | (20 | f)?] | length`), [0])
})

t.test('hostile patterns take linear time', async (t) => {
  t.same(run(`("a" * 100000) | test("(a+)+$x")`), [false])
})

t.test('what real programs need is there', async (t) => {
  t.same(run('[range(20000)] | map(. * 2) | add'), [399_980_000])
  t.same(run('def f: if . >= 50000 then . else . + 1 | f end; 0 | f'), [50_000])
  t.same(run('def f: if . == 0 then 0 else 1 + (. - 1 | f) end; 150 | f'), [150])
  t.same(run('reduce range(20000) as $i ({}; .["k\\($i % 7000)"] += $i) | length'), [7_000])
  t.same(run('reduce range(20000) as $i ([]; . + [$i]) | length'), [20_000])
  t.same(run('[range(5000)] | .[] |= . + 1 | length'), [5_000])
  t.same(run('[range(2000) | {id: ., tag: (. % 7)}] | group_by(.tag) | map(length) | add'), [2_000])
  t.same(run('("[" * 500 + "]" * 500) | fromjson | [..] | length'), [500])
})

t.test(
  'a state that grows in place is not seen to change by those who have an older one',
  async (t) => {
    const older = 'reduce range(3) as $i ({n: 0, seen: []}; .n += 1 | .seen = .seen + [.])'
    t.same(run(`${older} | [.seen[].n]`), [[1, 2, 3]])
    t.same(run('reduce range(3) as $i ([[]]; .[0] += [$i] | . + [.[0]])'), [
      [[0, 1, 2], [0], [0, 1], [0, 1, 2]],
    ])
    const kept = 'reduce range(2) as $i ({a: {n: 0}}; .a.n += 1 | . |= {old: ., a: .a})'
    t.same(run(`${kept} | .old.old.a.n`), [1])
    t.same(run('[{a: {b: 0}}] | .[0] as $old | .[0].a.b = 1 | [., $old]'), [
      [[{ a: { b: 1 } }], { a: { b: 0 } }],
    ])
  },
)

function run(program: string): readonly Json[] {
  return runJq(compileJq(program), null, LIMITS)
}
