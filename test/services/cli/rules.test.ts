import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { tidemark } from '../../support/cli.ts'
import { recordCalls, ruleWorld } from '../../support/rule-world.ts'
import { waitFor } from '../../support/wait-for.ts'

t.test('rules from the command line', async (t) => {
  const world = await ruleWorld(t)
  const address = await world.app.listen({ port: 0, host: '127.0.0.1' })
  const settings = { TIDEMARK_API_KEY: world.keyOf(), TIDEMARK_URL: address }
  const run = (...args: string[]) => tidemark(['rules', ...args], settings)
  const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-rules-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'errors.yaml')
  const write = (condition: string) =>
    writeFileSync(file, `name: Errors\non: [ToolCalled]\ncondition: ${condition}\n`)

  write(`event.data.outcome != 'ok'`)
  t.match(await run('apply', '-f', folder), { code: 2, stderr: /add --yes/ })
  const applied = await run('apply', '-f', folder, '--yes')
  t.match(applied, { code: 0, stdout: /^new +rule Errors +\S+errors\.yaml\nApplied\.\n$/ })
  t.match(await run('apply', '-f', folder, '--yes'), { stdout: /unchanged.*\nNothing was changed/ })
  write(`event.data.outcome == 'timeout'`)
  t.match(await run('apply', '-f', file, '--yes'), {
    stdout:
      /-condition: event\.data\.outcome != 'ok'\n\+condition: event\.data\.outcome == 'timeout'/,
  })
  write('event.data.nothing')
  t.match(await run('apply', '-f', file, '--yes'), { code: 3, stderr: /errors\.yaml: condition/ })
  await waitFor('the read model', async () => (await run('list')).stdout.includes('Errors'))
  t.match(await run('enable', 'Errors'), { code: 0, stdout: 'Errors is enabled.\n' })

  world.start()
  const installationId = '11111111-1111-4111-8111-111111111111'
  const [event = ''] = await recordCalls(world.store, { installationId, outcome: 'timeout' })
  const why = await waitFor('the evaluation', async () => {
    const answer = await run('why', event)
    return answer.stdout.includes('matched') && answer
  })
  t.match(why.stdout, /^matched +Errors, version 2\n {2}event\.data\.outcome = "timeout"\n$/)
  t.match(await run('preview', 'Errors'), {
    stdout:
      /: 1 matched\n.*version 2 then, and so: 1; .*\n.*WHY\n.* - +event\.data\.outcome = "timeout"\n/,
  })
  const quarantine = `actions:\n  - kind: command\n    command: quarantine
    parameters: { installationId: { cel: event.data.installationId }, cause: x }\n`
  writeFileSync(file, `name: Errors\non: [ToolCalled]\ncondition: 'true'\n${quarantine}`)
  t.match(await run('preview', '-f', file), {
    stdout: new RegExp(`only so: 0\n.*\n.*quarantine \\{"installationId":"${installationId}"`),
  })
  write(`event.data.outcome == 'never'`)
  t.match(await run('preview', '-f', file), { stdout: /only then: 1 \(#\d+\); only so: 0\n$/ })
  t.match(await run('preview', '-f', file, '--limit', 'all'), { code: 2 })
  t.match(await run('show', 'Errors'), { stdout: /version 2, on, by tester(.*\n)+.*condition:/ })
  t.match(await run('remove', 'Errors'), { code: 0, stdout: 'Errors is removed.\n' })
  await waitFor('the read model', async () => !(await run('list')).stdout.includes('Errors'))
  t.match(await run('disable', 'nobody'), { code: 3, stderr: /There is no rule "nobody"/ })
})
