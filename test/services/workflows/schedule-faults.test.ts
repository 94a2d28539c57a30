import t from 'tap'
import { faultsOf, HEAD } from '../../support/workflow-faults.ts'

t.test('a schedule is one that can be kept', async (t) => {
  const faults = {
    'schedule: { cron: "61 * * * *" }\ndo: []': '/schedule/cron',
    'schedule: { cron: "* * * * * *" }\ndo: []': '/schedule/cron',
    'schedule: { cron: "0 0 30 2 *" }\ndo: []': 'it names no time that will come',
    'schedule: { every: "${ .x }" }\ndo: []': 'must be a duration such as PT1H',
    'schedule: { every: { seconds: -1 } }\ndo: []': 'cannot be negative',
    'schedule: { every: -PT1H }\ndo: []': '/schedule/every',
    'schedule: { every: PT0S }\ndo: []': 'must be a second or longer',
    'schedule: { every: P0D }\ndo: []': 'must be a second or longer',
    'schedule: { after: PT0.5S }\ndo: []': 'must be a second or longer',
    'schedule: { after: { milliseconds: 999 } }\ndo: []': 'must be a second or longer',
    'schedule: { on: { all: [] } }\ndo: []': 'names no event',
    'schedule: { on: { one: { with: { type: a }, correlate: { k: { from: "(", expect: x } } } } }\ndo: []':
      '/schedule/on/one/correlate/k/from: ',
    'schedule: { on: { any: [], until: "(" } }\ndo: []': '/schedule/on/until: ',
    'schedule: { every: PT1H, after: PT1H }\ndo: []': 'must be one of every, cron, after, on',
  }
  for (const [body, reason] of Object.entries(faults))
    t.match(faultsOf(body)[0] ?? '', reason, body)
  const expecting =
    'schedule: { on: { one: { with: { type: a }, correlate: { k: { from: .data.k, expect: x } } } } }\ndo: []'
  t.same(faultsOf(expecting), [])
  const zoned = (zone: string) => HEAD.replace(' }', `, metadata: { tidemark.timezone: ${zone} } }`)
  const nightly = 'schedule: { cron: 0 3 * * * }\ndo: []'
  t.same(faultsOf(nightly, zoned('Europe/Berlin')), [])
  t.match(faultsOf(nightly, zoned('Europe/Nowhere')), ['is not a time zone'])
})
