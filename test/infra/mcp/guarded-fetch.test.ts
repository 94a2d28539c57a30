import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createGuardedFetch } from '../../../infra/mcp/guarded-fetch.ts'

async function server(t: Test, location?: string): Promise<number> {
  const http = createServer((_request, response) => {
    if (location === undefined) response.end('reached')
    else response.writeHead(302, { location }).end()
  })
  t.teardown(() => void http.close())
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return (http.address() as AddressInfo).port
}

function guarded(t: Test, allowPrivate: boolean) {
  const remote = createGuardedFetch({ allowPrivate })
  t.teardown(() => remote[Symbol.asyncDispose]())
  return remote.fetch
}

t.test('no spelling of an address leads into the own machine', async (t) => {
  const port = await server(t)
  const fetch = guarded(t, false)
  for (const host of [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '169.254.169.254',
  ])
    await t.rejects(fetch(`http://${host}:${port}/`), { name: 'PrivateAddressError' }, host)
})

t.test('private addresses are reached when the operator allows it, redirects never', async (t) => {
  const fetch = guarded(t, true)
  const port = await server(t)
  t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'reached')
  const redirecting = await server(t, `http://127.0.0.1:${port}/`)
  await t.rejects(fetch(`http://127.0.0.1:${redirecting}/`))
  await t.rejects(fetch('http://169.254.169.254/'), { name: 'PrivateAddressError' })
})
