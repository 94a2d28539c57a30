import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { endLeftovers, RUN_VARIABLE } from '../../scripts/stack/cut-off-run.ts'

function start(environment: NodeJS.ProcessEnv) {
  const child = spawn(
    process.execPath,
    ['-e', 'setInterval(() => {}, 1_000); console.log("here")'],
    {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  return { child, ready: once(child.stdout, 'data') }
}

t.test('what belongs to a run is ended by it, and nothing else', async (t) => {
  const run = randomUUID()
  const own = start({ [RUN_VARIABLE]: run })
  const other = start({ [RUN_VARIABLE]: randomUUID() })
  t.teardown(() => other.child.kill())
  await Promise.all([own.ready, other.ready])
  const ended = once(own.child, 'exit')
  t.match(endLeftovers(run), [/setInterval/])
  t.same(await ended, [null, 'SIGKILL'])
  t.equal(other.child.exitCode, null)
  t.equal(other.child.signalCode, null)
  t.same(endLeftovers(run), [])
})
