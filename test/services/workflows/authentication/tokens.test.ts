import t from 'tap'
import { Tokens } from '../../../../services/workflows/authentication/tokens.ts'
import { CallFault } from '../../../../services/workflows/calls/call.ts'

const clock = { ms: 0 }
const now = () => new Date(clock.ms)
const token =
  (value: string, lifetimeMs = 600_000) =>
  async () => ({ value, lifetimeMs })
const nobody = () => Promise.reject(new Error('nobody is asked'))

t.test('a token is used until a tenth of its time is left, or a minute', async (t) => {
  const tokens = new Tokens(now)
  t.same(await tokens.get('long', token('a')), { value: 'a', isNew: true })
  await tokens.get('short', token('b', 100_000))
  clock.ms += 89_999
  t.same(await tokens.get('short', nobody), { value: 'b', isNew: false })
  clock.ms += 1
  t.same(await tokens.get('short', token('c')), { value: 'c', isNew: true })
  clock.ms += 449_999
  t.same(await tokens.get('long', nobody), { value: 'a', isNew: false })
  clock.ms += 1
  await t.rejects(tokens.get('long', nobody))
})

t.test('only the token that was refused is forgotten', async (t) => {
  const tokens = new Tokens(now)
  await tokens.get('k', token('a'))
  tokens.forget('k', 'an older one')
  t.match(await tokens.get('k', nobody), { value: 'a' })
  tokens.forget('k', 'a')
  t.match(await tokens.get('k', token('b')), { value: 'b' })
})

t.test('who waits is refused with the one who asks, but does not stop with it', async (t) => {
  const tokens = new Tokens(now)
  const refused = async () => {
    throw new CallFault('authentication', 'No.')
  }
  const both = [tokens.get('k', refused), tokens.get('k', nobody)]
  for (const each of both) await t.rejects(each, { name: 'CallFault' })
  const stopped = tokens.get('k', () => Promise.reject(new DOMException('', 'AbortError')))
  const other = tokens.get('k', token('a'))
  await t.rejects(stopped, { name: 'AbortError' })
  t.match(await other, { value: 'a', isNew: true })
})

t.test('so many are kept, the newest', async (t) => {
  const tokens = new Tokens(now)
  for (let index = 0; index <= 1_000; index++) await tokens.get(`k${index}`, token('a'))
  await t.rejects(tokens.get('k0', nobody))
  t.match(await tokens.get('k1', nobody), { value: 'a' })
})
