import { execFileSync } from 'node:child_process'
import t from 'tap'
import { freshDataDirectory, runScript, up } from '../support/up.ts'

/** The package registry that npm is configured with is a part of the tour. */
async function hasPackages(): Promise<boolean> {
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
  const address = new URL('@modelcontextprotocol%2fserver-everything', registry)
  return fetch(address, { method: 'HEAD', signal: AbortSignal.timeout(20_000) }).then(
    ({ ok }) => ok,
    () => false,
  )
}

const skip = (await hasPackages()) ? false : 'the package registry cannot be reached'

t.test('the whole tour works on real packages, and works again', { skip }, async (t) => {
  const data = freshDataDirectory(t)
  const running = up(t, data)
  await running.address()
  for (const round of ['first', 'second']) {
    const tour = runScript(t, 'tour.ts', { DATA_DIR: data })
    t.equal(await tour.ended, 0, `${round} tour: ${tour.output()}`)
    t.match(tour.output(), /Echo: The tide is in/)
    t.match(tour.output(), /2025\.11\.25 → \d/)
    t.match(tour.output(), /all as the log says/)
  }
  running.kill('SIGINT')
  t.equal(await running.ended, 0)
})

t.test('where nothing runs, the tour says so in one sentence', async (t) => {
  const tour = runScript(t, 'tour.ts', { DATA_DIR: freshDataDirectory(t) })
  t.equal(await tour.ended, 1)
  t.match(tour.output(), /No Tidemark runs here: start one with `make up`/)
})
