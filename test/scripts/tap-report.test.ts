import t from 'tap'
import { createTapReport } from '../../scripts/stack/tap-report.ts'

const OUTPUT = `TAP version 14
1..3
# Subtest: test/a.test.ts
    ok 1 - fine
    ok 2 - needs data # SKIP no data here
    1..2
ok 1 - test/a.test.ts # time=1ms
# Subtest: test/b.test.ts
    not ok 1 - wrong
      ---
      diff: one is two
      ...
    1..1
not ok 2 - test/b.test.ts # time=1ms
  ---
  exitCode: 1
  ...

ok 3 - test/c.test.ts # time=1ms
# { total: 4, pass: 2, fail: 1, skip: 1 }
# time=3ms`

t.test('a file that passed is one line, one that failed is told in full', async (t) => {
  const said: string[] = []
  const report = createTapReport((line) => said.push(line))
  for (const line of OUTPUT.split('\n')) report.line(line)
  t.same(report.totals(), { passed: 2, failed: 1, skipped: 1 })
  t.notOk(said.includes('    ok 1 - fine'))
  t.match(said.join('\n'), 'diff: one is two')
  t.match(said.join('\n'), 'exitCode: 1')
  t.match(said.join('\n'), 'needs data # SKIP no data here')
  t.equal(said.at(-1), 'ok 3 - test/c.test.ts # time=1ms')
})

t.test('an output without a closing line counts nothing', async (t) => {
  const report = createTapReport(() => {})
  report.line('Killed')
  t.same(report.totals(), { passed: 0, failed: 0, skipped: 0 })
})
