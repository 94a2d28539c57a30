import t from 'tap'
import { versionKey } from '../../../projections/registry/version-key.ts'

t.test('keys sort as the versions do', async (t) => {
  const ordered = [
    '0.9.9',
    '1.0.0-alpha',
    '1.0.0-alpha.2',
    '1.0.0-alpha.10',
    '1.0.0-beta',
    '1.0.0',
    '1.0.1',
    '1.9.0',
    '1.10.0',
    '2.0.0+build',
    '10.0.0',
    '2025.8.18',
    '2025.11.25',
  ]
  const keys = ordered.map(versionKey)
  t.same([...keys].sort(), keys)
  t.equal(versionKey('v1.0.0'), versionKey('1.0.0'))
})
