import t from 'tap'
import { waitForDependency } from '../../../services/main/wait-for-dependency.ts'
import { silent } from '../../../services/ports/logger.ts'

t.test('a server that comes up late is waited for', async (t) => {
  let tries = 0
  const connect = async () => {
    tries += 1
    if (tries < 3) throw Object.assign(new Error('x'), { code: 'ECONNREFUSED' })
    return 'connected'
  }
  t.equal(await waitForDependency('Postgres', silent, connect, 5_000), 'connected')
})

t.test('one that does not come is named in one sentence, without its address', async (t) => {
  const connect = async () => {
    throw Object.assign(new Error('postgres://user:secret@host'), { code: 'ECONNREFUSED' })
  }
  await t.rejects(waitForDependency('Postgres', silent, connect, 10), {
    name: 'StartError',
    message: 'Postgres cannot be reached: ECONNREFUSED.',
  })
})
