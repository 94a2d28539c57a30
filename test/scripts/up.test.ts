import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import t from 'tap'
import { isPortFree } from '../../scripts/stack/free-port.ts'
import { servingProcesses } from '../../services/kernel/addresses.ts'
import { tidemark } from '../support/cli.ts'
import { freshDataDirectory, up } from '../support/up.ts'
import { waitFor } from '../support/wait-for.ts'

const data = freshDataDirectory(t)

function ports(): readonly number[] {
  return Object.values(JSON.parse(readFileSync(path.join(data, 'ports.json'), 'utf8')))
}

async function allFree(): Promise<boolean> {
  return (await Promise.all(ports().map(isPortFree))).every(Boolean)
}

async function whoami(address: string): Promise<Response> {
  const key = readFileSync(path.join(data, 'first-api-key'), 'utf8').trim()
  return fetch(`${address}/v1/whoami`, { headers: { authorization: `Bearer ${key}` } })
}

t.test('it starts everything, shows where, and Ctrl-C leaves nothing', async (t) => {
  const first = up(t, data)
  const address = await first.address()
  t.equal((await whoami(address)).status, 200)
  t.equal(statSync(path.join(data, 'first-api-key')).mode & 0o777, 0o600)
  t.match(servingProcesses(data), [{ address, roles: ['api', 'gateway'] }])

  const { stdout } = await tidemark(['keys', 'recover', '--json'], { DATA_DIR: data })
  const authorization = `Bearer ${readFileSync(JSON.parse(stdout).file, 'utf8').trim()}`
  const withAnother = await fetch(`${address}/v1/whoami`, { headers: { authorization } })
  t.equal(withAnother.status, 200, 'a lost key can be replaced on this machine')

  const second = up(t, data)
  t.equal(await second.ended, 1)
  t.match(second.output(), /is in use by another `make up`/)
  t.equal((await whoami(address)).status, 200, 'the first one does not notice')

  first.kill('SIGINT')
  t.equal(await first.ended, 0)
  t.equal(await allFree(), true)
  t.same(servingProcesses(data), [])
})

t.test('a second start finds its data and its ports', async (t) => {
  const before = ports().slice(0, 2)
  const again = up(t, data)
  const address = await again.address()
  t.equal((await whoami(address)).status, 200, 'the key of the first start')
  t.same(ports().slice(0, 2), before)

  t.comment('killed without a chance to stop anything')
  again.kill('SIGKILL')
  await waitFor('its servers to end with it', allFree, 20_000)
})

t.test('after a crash it starts again; when a server dies it says which and stops', async (t) => {
  const third = up(t, data)
  const address = await third.address()
  t.equal((await whoami(address)).status, 200)
  process.kill(Number(readFileSync(path.join(data, 'nats', 'nats.pid'), 'utf8')), 'SIGKILL')
  t.equal(await third.ended, 1)
  t.match(third.output(), /The NATS server ended by itself \(SIGKILL\)/)
  t.notMatch(third.output(), /\n {4}at /, 'no stack')
  t.equal(await allFree(), true)
})

t.test('a port that is taken or is none is said in one sentence', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const taken = up(t, data, { PORT: String(port) })
  t.equal(await taken.ended, 1)
  t.match(taken.output(), `Port ${port} is taken by another program: choose another PORT.`)
  server.close()
  const wrong = up(t, data, { PORT: 'http' })
  t.equal(await wrong.ended, 1)
  t.match(wrong.output(), 'PORT=http is not a port number.')
})
