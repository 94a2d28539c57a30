import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import t from 'tap'
import { problemsOf } from '../../../domain/registry/server-json.ts'
import { upstreamEntry } from '../../support/upstream.ts'

const DATA = path.resolve(import.meta.dirname, '../../../../shared/data/registry')

t.test('a good entry has no problems', async (t) => {
  t.same(problemsOf(upstreamEntry('io.example/a', '1.0.0').server), [])
})

t.test('each fault is named by its place', async (t) => {
  const { server } = upstreamEntry('io.example/a', '1.0.0')
  const faulty = {
    '/name': { name: 'no slash' },
    '/description': { description: 'x'.repeat(101) },
    '/repository': { repository: {} },
    '/packages/0': { packages: [{ registryType: 'npm', transport: { type: 'stdio' } }] },
    '/remotes/0': { remotes: [{ type: 'streamable-http', url: 'ftp://a.example' }] },
    '/icons/0': { icons: [{}] },
    '/$schema': { $schema: 'https://a.example/schema.json' },
  }
  for (const [place, change] of Object.entries(faulty)) {
    const problems = problemsOf({ ...server, ...change })
    t.ok(
      problems.some((problem) => problem.startsWith(place)),
      `${place}: ${JSON.stringify(problems)}`,
    )
  }
  for (const nonsense of [undefined, null, 5, 'text', []]) t.not(problemsOf(nonsense).length, 0)
})

t.test('a rule counts for the formats that have it', async (t) => {
  const { server } = upstreamEntry('io.example/a', '1.0.0')
  const named = (date: string) => ({
    ...server,
    $schema: `https://static.modelcontextprotocol.io/schemas/${date}/server.schema.json`,
    packages: [{ registryType: 'npm', identifier: 'a', transport: { type: 'stdio' } }],
  })
  t.not(problemsOf(named('2025-09-29')).length, 0, 'a package had to have a version')
  t.same(problemsOf(named('2025-10-11')), [], 'it may leave it out')
})

t.test(
  'our verdict on every real entry is that of the schema which it names',
  { skip: !existsSync(DATA) && 'the real registry data is not here' },
  async (t) => {
    const published = publishedSchemas()
    for (const date of ['2025-10-07', '2025-12-18']) {
      const text = readFileSync(path.join(DATA, `official-registry-snapshot-${date}.json`), 'utf8')
      const entries: { server: { $schema?: string } }[] = JSON.parse(text.replace(/^\uFEFF/, ''))
      const differing = entries.filter(({ server }) => {
        const validate = published.get(server.$schema ?? '')
        return (validate?.(server) === true) !== (problemsOf(server).length === 0)
      })
      t.same(differing, [])
    }
  },
)

function publishedSchemas(): Map<string, ValidateFunction> {
  const ajv = new Ajv({ strict: false })
  addFormats.default(ajv)
  const folder = path.join(DATA, 'schemas')
  return new Map(
    readdirSync(folder).map((file) => {
      const schema = JSON.parse(readFileSync(path.join(folder, file), 'utf8'))
      return [schema.$id, ajv.compile(schema)]
    }),
  )
}
