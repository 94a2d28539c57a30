import { execFileSync } from 'node:child_process'
import t from 'tap'
import { commandsOf } from '../support/readme.ts'
import { freshDataDirectory, runCommand, runProgram, up } from '../support/up.ts'
import { startUpstream } from '../support/upstream.ts'

const TOUR = import.meta.resolve('../../scripts/tour.ts')

/** 100 s on a machine with nothing else to do. */
t.setTimeout(600_000)

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

/** A line of README.md with the address, the data and the registry of this test; `tail` has an end. */
function typed(line: string, address: string, data: string, upstream: string): string {
  return line
    .replace(/\s+#\s.*$/, '')
    .replaceAll('http://127.0.0.1:7420', address)
    .replaceAll('https://registry.example.com', upstream)
    .replaceAll('.data/', `${data}/`)
    .replace(/^curl /, 'curl --fail --silent --show-error ')
    .replace(/^.* events tail .*$/, '$& --limit 3')
}

t.test('what README.md says to try works, the tour too', { skip }, async (t) => {
  const data = freshDataDirectory(t)
  const running = up(t, data, { ALLOW_PRIVATE_UPSTREAMS: '1' })
  const address = await running.address()
  const upstream = await startUpstream(t)
  upstream.list([{ server: { name: 'org.example/tides', version: '1.0.0', description: 'Tides' } }])
  const lines = commandsOf('Try it').map((line) => typed(line, address, data, upstream.url))
  t.ok(lines.includes('make tour'))

  const shell = ['bash', '-e', '-v', '-o', 'pipefail', '-c', lines.join('\n')]
  const readme = runCommand(t, shell, { DATA_DIR: data })
  t.equal(await readme.ended, 0, `README.md: ${readme.output()}`)
  t.match(readme.output(), /Echo: hello/)
  t.match(readme.output(), /Version 2025\.8\.18 is active again/)
  t.match(readme.output(), /\d read models, \d+ rows: identical/)
  t.match(readme.output(), /upstream: 1 entries/)

  t.match(readme.output(), /Echo: The tide is in/)
  t.match(readme.output(), /2025\.11\.25 → \d/)
  t.match(readme.output(), /all as the log says/)
  running.kill('SIGINT')
  t.equal(await running.ended, 0)
})

t.test('where nothing runs, the tour says so in one sentence', async (t) => {
  const tour = runProgram(t, TOUR, { DATA_DIR: freshDataDirectory(t) })
  t.equal(await tour.ended, 1)
  t.match(tour.output(), /No Tidemark runs here: start one with `make up`/)
})
