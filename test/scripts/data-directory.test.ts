import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import t from 'tap'
import { holdDataDirectory } from '../../scripts/stack/data-directory.ts'
import { freePort, isPortFree } from '../../scripts/stack/free-port.ts'

t.test('only one `make up` holds a data directory', async (t) => {
  const dir = t.testdir()
  const isUp = (pid: number) => pid === 4_242
  const first = holdDataDirectory(dir, isUp)
  writeFileSync(path.join(dir, 'up.pid'), '4242\n')
  t.throws(() => holdDataDirectory(dir, isUp), { name: 'StackError', message: /process 4242/ })
  first.release()
  const second = holdDataDirectory(dir, isUp)
  t.equal(readFileSync(path.join(dir, 'up.pid'), 'utf8'), `${process.pid}\n`)
  second.release()
  t.notOk(existsSync(path.join(dir, 'up.pid')))
})

t.test('the lock of a run that was killed is taken over', async (t) => {
  const dir = t.testdir({ 'up.pid': '4242\n', addresses: { '127.0.0.1:1': '{}' } })
  const data = holdDataDirectory(dir, () => false)
  t.notOk(existsSync(path.join(dir, 'addresses')), 'its addresses are forgotten')
  data.release()
})

t.test('an empty or broken lock is taken over', async (t) => {
  for (const content of ['', 'x', '-1', '0']) {
    const dir = t.testdir({ 'up.pid': content })
    holdDataDirectory(dir, () => t.fail('is not asked')).release()
  }
})

t.test('ports are remembered from one run to the next; a broken memory is no memory', async (t) => {
  const dir = t.testdir()
  const first = holdDataDirectory(dir)
  t.same(first.ports, {})
  first.rememberPorts({ postgres: 5_001, http: 7_420 })
  first.release()
  const second = holdDataDirectory(dir)
  t.same(second.ports, { postgres: 5_001, http: 7_420 })
  second.release()
  for (const broken of ['{', '[]', '{"http":"7420","nats":0,"postgres":70000}', 'null']) {
    writeFileSync(path.join(dir, 'ports.json'), broken)
    const again = holdDataDirectory(dir)
    t.same(again.ports, {}, broken)
    again.release()
  }
})

t.test('a preferred port is taken when it is free, else another one', async (t) => {
  const server = createServer()
  const taken = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  t.equal(await isPortFree(taken), false)
  const other = await freePort(taken)
  t.not(other, taken)
  server.close()
  t.equal(await freePort(other), other)
})
