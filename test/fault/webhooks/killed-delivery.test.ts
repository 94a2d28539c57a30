import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { nodeArguments } from '../../../infra/node-program.ts'
import { everySeed, timeForSeeds } from '../../support/faults/seeds.ts'
import { waitFor } from '../../support/wait-for.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'
import { webhookWorld } from '../../support/webhook-world.ts'

const PROCESS = import.meta.resolve('../../support/webhooks-process.ts')
const EVENTS = 300
const DEATHS = 3
const SECONDS = 3 * 60

timeForSeeds(SECONDS)

t.test('a process that is killed while it delivers loses nothing', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const world = await webhookWorld(t)
    const receiver = await startReceiver(t)
    const { path: hook } = await world.register(receiver.url, { types: ['UsageTracked'] })
    const ids = await world.happen(EVENTS)

    for (let round = 0; round < DEATHS; round++) {
      const death = 1 + random.integer(80)
      const child = spawn(process.execPath, nodeArguments(PROCESS, world.appUrl, world.dataDir), {
        stdio: 'inherit',
      })
      const exited = once(child, 'exit')
      const fatal = receiver.messages.length + death
      receiver.answer((response) => {
        // Killed before the answer: whether this message was taken is then for ever unknown to it.
        if (receiver.messages.length >= fatal) child.kill('SIGKILL')
        else response.writeHead(204).end()
      })
      const [, signal] = await exited
      t.equal(signal, 'SIGKILL', `killed after ${death} messages`)
    }

    receiver.answer(undefined)
    world.start()
    await waitFor('all of them', () => new Set(receiver.taken).size === EVENTS)
    t.same([...new Set(receiver.taken)].sort(), [...ids].sort())
    const sent = new Set(receiver.messages.map(({ headers }) => headers['webhook-id']))
    t.equal(sent.size, EVENTS, 'a message that came twice has the same id')
    t.ok(receiver.messages.length < EVENTS + 100, `${receiver.messages.length} messages`)
    await waitFor(
      'nothing to be owed',
      async () => (await world.deliveries(hook, 'owed')).length === 0,
    )
  }),
)
