import t from 'tap'
import { parseServer, settingsOf } from '../../../services/cli/install-request.ts'

t.test('a server is named with or without a version', async (t) => {
  t.same(parseServer('io.github.some/server'), { server: 'io.github.some/server' })
  t.same(parseServer('io.x/y@1.2.3'), { server: 'io.x/y', version: '1.2.3' })
  t.same(parseServer('@scope/name'), { server: '@scope/name' })
  t.same(parseServer('@scope/name@2.0.0-rc.1'), { server: '@scope/name', version: '2.0.0-rc.1' })
  t.throws(() => parseServer('io.x/y@'), /ends where a version should be/)
})

t.test('settings are pairs, and a secret comes from the environment only', async (t) => {
  const options = { env: ['A=1=2', 'B='], arg: ['path=/x'], secret: ['TOKEN'], network: 'full' }
  t.same(settingsOf(options, { TOKEN: 'hidden' }), {
    environment: { A: '1=2', B: '' },
    arguments: { path: '/x' },
    secrets: { TOKEN: 'hidden' },
    network: 'full',
  })
  t.same(settingsOf({}, {}), {})
  t.throws(() => settingsOf({ env: ['novalue'] }, {}), /is not name=value/)
  t.throws(() => settingsOf({ secret: ['TOKEN'] }, {}), /TOKEN/)
})
