import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { commandLine } from '../../scripts/stack/processes.ts'
import { servingProcesses } from '../../services/kernel/addresses.ts'
import { tidemark } from '../support/cli.ts'
import { AT_LENGTH } from '../support/faults/seeds.ts'
import { freshDataDirectory, runProgram, UP } from '../support/up.ts'
import { waitFor } from '../support/wait-for.ts'

t.setTimeout(240_000)
const START_MS = 180_000

/** Nine processes take their time to start. */
const options = AT_LENGTH ? {} : { skip: 'make test-faults does it' }

t.test('each role has processes, which come back; Ctrl-C leaves nothing', options, async (t) => {
  const data = freshDataDirectory(t)
  const split = runProgram(t, UP, { DATA_DIR: data, PORT: '0' }, '--split')
  await waitFor('all of them', () => split.output().includes('Ctrl-C stops'), START_MS)

  const roles = () => servingProcesses(data).map((each) => each.roles.join())
  const all = 'api api gateway jobs projector projector reactors reactors relay'
  t.equal(roles().sort().join(' '), all)
  for (const { address, roles } of servingProcesses(data)) {
    t.ok(split.output().includes(address), `${roles} is told`)
    for (const place of ['live', 'ready'])
      t.equal((await fetch(`${address}/health/${place}`)).status, 200, `${roles} is ${place}`)
    const key = readFileSync(path.join(data, 'first-api-key'), 'utf8').trim()
    const metrics = await fetch(`${address}/metrics`, {
      headers: { authorization: `Bearer ${key}` },
    })
    t.equal(metrics.status, 200, `${roles} has metrics`)
  }
  t.match(await tidemark(['keys', '--json'], { DATA_DIR: data }), { code: 0 })

  const victims = servingProcesses(data).filter((each) => each.roles.includes('projector'))
  const [victim] = victims
  process.kill(victim?.pid ?? 0, 'SIGKILL')
  await waitFor('the news', () => /^projector-\d ended by itself \(SIGKILL\)/m.test(split.output()))
  const isBack = () =>
    servingProcesses(data).some(
      ({ address, pid }) => address === victim?.address && pid !== victim?.pid,
    )
  await waitFor('another one in its place', isBack, START_MS)
  t.equal(roles().sort().join(' '), all)

  const pids = servingProcesses(data).map(({ pid }) => pid)
  split.kill('SIGINT')
  t.equal(await split.ended, 0)
  t.same(
    pids.filter((pid) => commandLine(pid) !== ''),
    [],
  )
  t.same(servingProcesses(data), [])
})
