import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import type { KeyTables } from '../../../infra/crypto/key-tables.ts'
import { createSecretStore } from '../../../infra/crypto/secret-store.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { type WorkflowsTables, workflows } from '../../../projections/workflows/workflows.ts'
import { prepareToParse } from '../../../services/workflows/parse-document.ts'
import { workflowRoutes } from '../../../services/workflows/routes.ts'
import { workflowSecretRoutes } from '../../../services/workflows/secret-routes.ts'
import { testApp } from '../../support/app.ts'
import { tidemark } from '../../support/cli.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'
import { testKeys } from '../../support/sealing.ts'
import { waitFor } from '../../support/wait-for.ts'

t.test('workflows from the command line', async (t) => {
  const { store, pool } = await freshPostgresStore(t)
  const freshness = projected(t, store, pool, [workflows])
  const db = createReadDatabase<WorkflowsTables>(pool)
  const deps = { events: store, db, commands: new Set(['sync']), now: () => new Date() }
  prepareToParse()
  const { app, keyOf } = await testApp(t, workflowRoutes(deps), { freshness })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const settings = { TIDEMARK_API_KEY: keyOf(), TIDEMARK_URL: address }
  const run = (...args: string[]) => tidemark(['workflows', ...args], settings)

  const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-workflows-'))
  mkdirSync(path.join(folder, 'team'))
  const write = (name: string, version: string, body: string) => {
    const header = `document: { dsl: 1.0.3, namespace: team, name: ${name}, version: ${version} }`
    writeFileSync(path.join(folder, 'team', `${name}.yaml`), `${header}\n${body}\n`)
  }
  write('nightly', '1.0.0', 'schedule: { cron: 0 3 * * * }\ndo: [ { a: { call: sync } } ]')
  write('other', '1.0.0', 'do: []')
  writeFileSync(path.join(folder, 'README.md'), 'no document')

  t.match(await run('apply', '-f', folder), {
    ...{ code: 2, stdout: /^new +workflow team.nightly 1.0.0 .*\nnew +workflow team.other/ },
    stderr: 'Nobody can be asked here: add --yes to apply this.\n',
  })
  t.match(await run('apply', '-f', folder, '--yes'), { code: 0, stdout: /Applied\.\n$/ })
  const listed = await waitFor('the read model', async () => {
    const { stdout } = await run('list')
    return stdout.includes('team.other') && stdout
  })
  t.match(listed, /team.nightly +1.0.0 +0 3 \* \* \* UTC/)

  t.match(await run('apply', '-f', folder), {
    code: 0,
    stdout: /unchanged .*\nNothing was changed/,
  })
  write('nightly', '1.1.0', 'schedule: { cron: 0 4 * * * }\ndo: [ { a: { call: sync } } ]')
  const shown = await run('apply', '-f', path.join(folder, 'team/nightly.yaml'), '--yes')
  t.match(shown.stdout, /-schedule: \{ cron: 0 3 [\s\S]*\+schedule: \{ cron: 0 4 /)
  await waitFor('the revision', async () =>
    (await run('show', 'team.nightly')).stdout.includes('0 4'),
  )
  t.match(await run('show', 'team.nightly', '--diagram', 'mermaid'), { stdout: /flowchart TD/ })
  t.match(await run('disable', 'team.nightly'), { code: 0, stdout: 'team.nightly is disabled.\n' })
  t.match(await run('remove', 'team.other'), { code: 0, stdout: 'Removed team.other.\n' })

  write('wrong', '1.0.0', 'do: [ { a: { call: drop } } ]')
  t.match(await run('apply', '-f', folder, '--yes'), {
    ...{ code: 3, stdout: '' },
    stderr:
      /wrong.yaml: The document .* \(\/do\/0\/a\/call: line 2, column 14: there is no function/,
  })
  t.match(await run('apply', '-f', path.join(folder, 'none')), { code: 2, stderr: /ENOENT/ })
})

t.test('secrets of workflows from the command line', async (t) => {
  const { store: events, pool } = await freshPostgresStore(t)
  const { tenantKeys } = await testKeys(t, pool)
  const secrets = createSecretStore({ db: createReadDatabase<KeyTables>(pool), tenantKeys })
  const routes = workflowSecretRoutes({ events, secrets, now: () => new Date() })
  const { app, keyOf } = await testApp(t, routes)
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const settings = { TIDEMARK_API_KEY: keyOf(), TIDEMARK_URL: address }
  const run = (args: string, input?: string) =>
    tidemark(['workflow-secrets', ...args.split(' ')], settings, input)

  const origins = '--origin https://a.example --origin https://b.example:444'
  const set = await run(`set idp ${origins}`, 'a-client-secret\n')
  t.match(set, { code: 0, stdout: 'Stored idp.\n', stderr: '' })
  const listed = await run('list')
  t.match(listed, { code: 0, stdout: 'idp     https://a.example https://b.example:444\n' })
  const refusals = await Promise.all([
    run(`set idp ${origins}`, 'two words\n'),
    run('set idp --origin https://a.example --from-file /nowhere'),
    run('set idp', 'a-client-secret'),
  ])
  t.match(refusals, [
    { code: 3, stderr: /used for nothing.*JSON object/ },
    { code: 2, stderr: /"\/nowhere" cannot be read/ },
    { code: 2, stderr: /--origin/ },
  ])
  t.match(await run('remove idp'), { code: 0, stdout: 'Removed idp.\n' })
  t.match(await run('list'), { code: 0, stdout: /^SECRET +FOR\n$/ })
})
