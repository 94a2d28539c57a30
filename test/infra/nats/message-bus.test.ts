import t from 'tap'
import { createNatsMessageBus } from '../../../infra/nats/message-bus.ts'
import { silent } from '../../../services/ports/logger.ts'
import { CURRENT_NATS, currentNats } from '../../support/current-nats.ts'
import { type BusUnderTest, messageBusContract } from '../../support/message-bus-contract.ts'
import { freshNats } from '../../support/nats.ts'

function onServer(program?: string): BusUnderTest {
  return {
    server: (t) => freshNats(t, program),
    bus(t, { url }) {
      const bus = createNatsMessageBus({ url, logger: silent })
      t.teardown(() => bus[Symbol.asyncDispose]())
      return bus
    },
  }
}

t.test('on the NATS server of this machine', async (t) => messageBusContract(t, onServer()))

const current = currentNats()
if ('program' in current)
  t.test(`on NATS ${CURRENT_NATS}`, async (t) => messageBusContract(t, onServer(current.program)))
else t.comment(`NATS ${CURRENT_NATS} is left out: ${current.reason}`)
