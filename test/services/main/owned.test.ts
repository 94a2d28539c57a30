import t from 'tap'
import { Owned } from '../../../services/main/owned.ts'
import { silent } from '../../../services/ports/logger.ts'

t.test('what was opened last is closed first, and one failure keeps nothing open', async (t) => {
  const owned = new Owned(silent)
  const closed: string[] = []
  owned.add('pool', async () => closed.push('pool'))
  owned.use('store', {
    async [Symbol.asyncDispose]() {
      throw new Error('stuck')
    },
  })
  owned.add('server', async () => closed.push('server'))
  await owned.close()
  t.same(closed, ['server', 'pool'])
  await owned.close()
  t.same(closed, ['server', 'pool'], 'once')
})
