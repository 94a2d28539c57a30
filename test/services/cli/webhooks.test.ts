import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { tidemark } from '../../support/cli.ts'
import { waitFor } from '../../support/wait-for.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'
import { webhookWorld } from '../../support/webhook-world.ts'

t.test('webhooks from the command line', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  const address = await world.app.listen({ port: 0, host: '127.0.0.1' })
  const settings = { TIDEMARK_API_KEY: world.keyOf(), TIDEMARK_URL: address }
  const run = (...args: string[]) => tidemark(['webhooks', ...args], settings)

  const added = await run('add', receiver.url, '--name', 'bot', '--types', 'UsageTracked')
  t.match(added, { code: 0, stderr: '', stdout: /^Webhook \S+; .*\nwhsec_\S+\n$/ })
  const secret = added.stdout.trim().split('\n').at(-1) ?? ''
  const tested = await waitFor('the read model', async () => {
    const answer = await run('test', 'bot')
    return answer.code === 0 && answer
  })
  t.match(tested.stdout, /^The test message: delivered \(204\) in \d+ ms\.\n$/)
  const [message] = receiver.messages
  t.ok(new Webhook(secret).verify(message?.body ?? '', message?.headers ?? {}))

  world.start()
  await world.happen(1)
  await waitFor('a message', () => receiver.taken.length === 2)
  t.match(await run('pause', 'bot'), { code: 0, stdout: 'bot is paused.\n' })
  await waitFor('the pause', async () => (await run('list')).stdout.includes('paused'))
  t.match(await run('resume', 'bot'), { code: 0 })
  t.match(await run('deliveries', 'bot'), { stdout: /delivered +1 +delivered \(204\) in \d+ ms/ })
  const [event = ''] = receiver.taken.slice(-1)
  t.match(await run('replay', 'bot', '--event', event), { code: 0 })
  await waitFor('the replay', () => receiver.taken.filter((id) => id === event).length === 2)
  t.match(await run('rotate', 'bot', '--overlap', '60'), { code: 0, stdout: /\nwhsec_\S+\n$/ })

  receiver.answer((response) => response.writeHead(500).end())
  t.match(await run('test', 'bot'), {
    code: 1,
    stderr: /^The test message: refused \(500\) in \d+ ms\.\n$/,
  })
  t.match(await run('pause', 'nobody'), { code: 3, stderr: /^No webhook is called "nobody"/ })
  t.match(await run('remove', 'bot'), { code: 0, stdout: 'Removed bot.\n' })
})
