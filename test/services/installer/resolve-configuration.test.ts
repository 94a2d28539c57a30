import t from 'tap'
import { installableOf } from '../../../services/installer/installable.ts'
import {
  type GivenConfiguration,
  resolveConfiguration,
} from '../../../services/installer/resolve-configuration.ts'
import { type ProblemDetails, ProblemError } from '../../../services/kernel/problem.ts'

type Members = Readonly<Record<string, unknown>>

const installable = (server: Members) =>
  installableOf({ source_id: 'test', version: '1.0.0', entry: JSON.stringify({ server }) })
const npm = (members: Members = {}) =>
  installable({
    packages: [
      {
        ...{ registryType: 'npm', identifier: 'tiny', version: '1.2.3' },
        transport: { type: 'stdio' },
        ...members,
      },
    ],
  })
const remote = (members: Members = {}) =>
  installable({
    remotes: [{ type: 'streamable-http', url: 'https://example.com/mcp', ...members }],
  })
const resolve = (from: ReturnType<typeof npm>, given: GivenConfiguration = {}) =>
  resolveConfiguration(from, given)
function problemOf(work: () => unknown): ProblemDetails | undefined {
  try {
    work()
  } catch (error) {
    if (error instanceof ProblemError) return error.problem
    throw error
  }
  return undefined
}

const codeOf = (work: () => unknown) => problemOf(work)?.code ?? 'accepted'

t.test('the npm package over stdio is preferred, else the Streamable HTTP remote', async (t) => {
  t.same(npm().target, { kind: 'npm', identifier: 'tiny', version: '1.2.3' })
  t.same(remote().target, { kind: 'remote', url: 'https://example.com/mcp' })
  t.match(
    installable({
      packages: [{ registry_type: 'npm', identifier: 'old', version: '1.0.0' }],
    }).target,
    { identifier: 'old' },
    'the oldest format writes its members in snake case',
  )
})

t.test('what cannot be installed says why', async (t) => {
  const stdio = { transport: { type: 'stdio' } }
  t.equal(
    codeOf(() => npm({ version: 'latest' })),
    'not-installable',
  )
  t.equal(
    codeOf(() => npm({ version: '^1.0.0' })),
    'not-installable',
  )
  t.equal(
    codeOf(() => npm({ registryType: 'oci', ...stdio })),
    'unsupported-package-type',
  )
  t.equal(
    codeOf(() => npm({ transport: { type: 'sse' } })),
    'unsupported-transport',
  )
  t.equal(
    codeOf(() => installable({ remotes: [{ type: 'sse', url: 'https://x' }] })),
    'unsupported-transport',
  )
  t.equal(
    codeOf(() => installable({})),
    'not-installable',
  )
})

t.test('values, defaults and secrets come to their places', async (t) => {
  const from = npm({
    environmentVariables: [
      { name: 'FIXED', value: 'entry' },
      { name: 'DEFAULTED', default: 'fallback' },
      { name: 'GIVEN' },
      { name: 'TOKEN', isSecret: true },
      { name: 'ABSENT' },
      { name: 'not a name' },
    ],
  })
  t.same(resolve(from, { environment: { GIVEN: 'mine', TOKEN: 'hidden' } }), {
    target: from.target,
    secrets: { TOKEN: 'hidden' },
    configuration: {
      environment: { FIXED: 'entry', DEFAULTED: 'fallback', GIVEN: 'mine' },
      arguments: [],
      secretNames: ['TOKEN'],
      network: 'none',
    },
  })
  t.equal(
    codeOf(() => resolve(from, { environment: { 'not a name': 'x' } })),
    'undeclared-input',
  )
})

t.test('any declared value can be given as a secret', async (t) => {
  const from = npm({ environmentVariables: [{ name: 'GIVEN' }] })
  const { configuration, secrets } = resolve(from, { secrets: { GIVEN: 'hidden' } })
  t.same(configuration.environment, {})
  t.same(secrets, { GIVEN: 'hidden' })
})

t.test('the command line has the declared arguments in their order', async (t) => {
  const from = npm({
    packageArguments: [
      { type: 'positional', value: 'serve' },
      { type: 'named', name: '--root', valueHint: 'path' },
      { type: 'positional', valueHint: 'folder' },
    ],
    runtimeArguments: [{ type: 'named', name: '--eval', value: 'process.exit()' }],
  })
  const given = { arguments: { '--root': '/data', folder: ['a', 'b'] } }
  t.same(resolve(from, given).configuration.arguments, ['serve', '--root', '/data', 'a', 'b'])
  t.same(resolve(from).configuration.arguments, ['serve'], 'nothing for Node itself')
})

t.test('what is required is asked for by its place', async (t) => {
  const from = npm({
    environmentVariables: [{ name: 'TOKEN', isRequired: true, isSecret: true }],
    packageArguments: [{ type: 'positional', valueHint: 'folder', isRequired: true }],
  })
  t.match(
    problemOf(() => resolve(from)),
    {
      code: 'missing-configuration',
      errors: [
        { pointer: '/configuration/environment/TOKEN' },
        { pointer: '/configuration/arguments/folder' },
      ],
    },
  )
  const stored = { storedSecrets: ['TOKEN'], arguments: { folder: 'x' } }
  t.same(resolve(from, stored).configuration.secretNames, ['TOKEN'])
})

t.test('choices are kept to, and no secret goes on a command line', async (t) => {
  const from = npm({
    environmentVariables: [{ name: 'MODE', choices: ['fast', 'safe'] }],
    packageArguments: [{ type: 'named', name: '--key', isSecret: true }],
  })
  t.equal(
    codeOf(() => resolve(from, { environment: { MODE: 'odd' } })),
    'invalid-configuration',
  )
  t.equal(
    codeOf(() => resolve(from, { environment: { MODE: 'safe' } })),
    'accepted',
  )
  t.equal(
    codeOf(() => resolve(from, { arguments: { '--key': 'x' } })),
    'invalid-configuration',
  )
})

t.test('variables fill headers and the URL of a remote server', async (t) => {
  const from = remote({
    url: 'https://{region}.example.com/mcp',
    variables: { region: { default: 'eu' } },
    headers: [
      {
        ...{ name: 'Authorization', value: 'Bearer {token}', isRequired: true },
        variables: { token: { isSecret: true, isRequired: true } },
      },
    ],
  })
  const resolved = resolve(from, { secrets: { token: 'hidden' }, variables: { region: 'us' } })
  t.same(resolved.target, { kind: 'remote', url: 'https://us.example.com/mcp' })
  t.same(resolved.secrets, { Authorization: 'Bearer hidden' })
  t.same(resolved.configuration.environment, {})
  t.equal(
    codeOf(() => resolve(from)),
    'missing-configuration',
  )
  const odd = { secrets: { token: 'x' }, variables: { region: 'user:password@evil/' } }
  t.equal(
    codeOf(() => resolve(from, odd)),
    'invalid-configuration',
  )
})

t.test('what was set is remembered by name, but never a secret', async (t) => {
  const withVariables = npm({
    environmentVariables: [
      {
        ...{ name: 'URL', isSecret: true, value: 'https://{user}:{password}@{host}' },
        variables: { user: {}, password: { isSecret: true }, host: {} },
      },
    ],
    packageArguments: [{ type: 'named', name: '--depth' }],
  })
  const { configuration } = resolve(withVariables, {
    variables: { user: 'ann', password: 'hush', host: 'a.example' },
    arguments: { '--depth': '2' },
  })
  t.same(configuration.given, {
    variables: { user: 'ann', host: 'a.example' },
    arguments: { '--depth': ['2'] },
  })
  t.notMatch(JSON.stringify(configuration), 'hush')
  t.notOk('given' in resolve(npm()).configuration)
})
