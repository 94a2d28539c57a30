import { MsgHdrsImpl } from 'nats'
import t from 'tap'
import { publishedEvent } from '../../../infra/nats/cloud-event.ts'

const headers = {
  'ce-id': ['e-1'],
  'ce-subject': ['usage-acme.1'],
  'tidemark-position': ['9'],
}

t.test('a stored message names its stream revision as every envelope does', async (t) => {
  const named = { ...headers, 'ce-streamrevision': ['6'] }
  const event = { eventId: 'e-1', stream: 'usage-acme.1', revision: 6n, position: 9n }
  t.same(publishedEvent(MsgHdrsImpl.fromRecord(named)), event)
  t.throws(() => publishedEvent(MsgHdrsImpl.fromRecord(headers)), { message: /no revision/ })
})

t.test('a bus that was filled under the short name goes on', async (t) => {
  const short = { ...headers, 'ce-revision': ['6'] }
  t.equal(publishedEvent(MsgHdrsImpl.fromRecord(short)).revision, 6n)
})
