import t from 'tap'
import { summaryOf } from '../../scripts/stack/tap-output.ts'

const PASSED = `TAP version 14
ok 1 - fine
    # measured: 3 s
    # by the way
ok 2 - needs data # SKIP no data here
1..2
# { total: 2, pass: 1, skip: 1 }
# time=3ms`.split('\n')

const FAILED = `TAP version 14
not ok 1 - wrong
  ---
  diff: one is two
  ...
1..1
# { total: 3, pass: 1, fail: 2 }`.split('\n')

t.test(
  'of a file that passed is told what was skipped and measured, of one that failed all',
  async (t) => {
    t.same(summaryOf(PASSED, 0), {
      ...{ passed: 1, failed: 0, skipped: 1 },
      worthReading: ['    # measured: 3 s', 'ok 2 - needs data # SKIP no data here'],
    })
    t.same(summaryOf(FAILED, 1), { passed: 1, failed: 2, skipped: 0, worthReading: FAILED })
  },
)

t.test('a process that failed, or was cut off, has failed whatever it said', async (t) => {
  t.equal(summaryOf(PASSED, 1).failed, 1)
  t.equal(summaryOf(PASSED, null).failed, 1)
  t.match(summaryOf(['Segmentation fault'], 139), { passed: 0, failed: 1 })
  t.match(summaryOf(['ok 1 - but there is no end'], 0), { passed: 0, failed: 1 })
})
