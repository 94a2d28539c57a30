import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { problem } from '../../../services/kernel/problem.ts'
import { parseWorkflow } from '../../../services/workflows/parse-document.ts'
import { waitFor } from '../../support/wait-for.ts'
import { LIKE_THE_PLATFORM } from '../../support/workflow-parts.ts'
import { workflowWorld } from '../../support/workflow-world.ts'

const FOLDER = path.resolve(import.meta.dirname, '../../../infra/examples/workflows')
const files = readdirSync(FOLDER)
const commands = new Set(LIKE_THE_PLATFORM)

/** The example, in the namespace that the world starts runs of. */
function example(file: string, change: (text: string) => string = (text) => text) {
  const text = readFileSync(path.join(FOLDER, file), 'utf8')
  return parseWorkflow(change(text.replace('namespace: examples', 'namespace: test')), commands)
}

t.test('the shipped examples run', async (t) => {
  for (const file of files) t.ok(example(file).hash, file)
  const world = await workflowWorld(t)
  await world.drive()
  const named = (name: string) => world.effects.list().filter((effect) => effect.name === name)
  const send = async (runId: string, type: string, data: object) => {
    const { statusCode, body } = await world.ask(runId, 'events', { type, data })
    if (statusCode !== 202) throw new Error(body)
  }

  await t.test('a version is put to use when somebody agrees', async (t) => {
    await world.define(example('publish-approval.yaml').document)
    const input = { installationId: 'a', version: '2.0.0' }
    const runId = await world.begin('publish-approval', { input })
    const { open } = await world.waits(runId, 'approval')
    t.same(named('update'), [])
    await world.ask(runId, 'approvals', { step: open[0].step, decision: 'approve' })
    await world.until(runId, 'completed')
    t.match(named('update'), [{ input: { ...input, allowBreaking: false } }])
  })

  await t.test('teams get a server each, or none of them', async (t) => {
    await world.define(example('onboarding.yaml').document)
    const teamOf = (input: unknown) =>
      (input as { configuration: { environment: { TEAM: string } } }).configuration.environment.TEAM
    world.effects.answer('check-update', (input) => ({ ...(input as object), version: '1.0.0' }))
    world.effects.answer('install', (input) => ({ installationId: `for ${teamOf(input)}` }))
    const input = { server: 'io.example/files', version: '1.0.0' }
    const all = await world.until(await world.begin('onboarding', { input }), 'completed')
    t.same([...all.output.installations].sort(), ['for blue', 'for green', 'for red'])
    t.same(named('uninstall'), [])

    world.effects.answer('install', (input) => {
      if (teamOf(input) === 'green') throw problem(409, 'no-room', 'No room for this team.')
      return { installationId: `for ${teamOf(input)}` }
    })
    await world.until(await world.begin('onboarding', { input }), 'faulted')
    const undone = named('uninstall').map(({ input }) => input)
    t.ok(undone.length <= 2)
    for (const each of undone) t.match(each, { installationId: /^for (red|blue)$/ })
  })

  await t.test(
    'servers are updated one after another, and all rolled back on failure',
    async (t) => {
      const [first, second] = ['aaaa', 'bbbb'].map((id) => `${id}1111-1111-4111-8111-111111111111`)
      const servers = [first, second].map(
        (id) => `\n          - { installationId: ${id}, tool: ping, arguments: {} }`,
      )
      const two = example('nightly-updates.yaml', (text) =>
        text.replace(/servers:\n(.*\n){3}/, `servers:${servers.join('')}\n`),
      )
      await world.define(two.document)
      world.effects.answer('check-update', () => ({
        update: { version: '2.0.0', breaking: false },
      }))
      const before = named('update').length
      const runId = await world.begin('nightly-updates')
      await world.waits(runId, 'event')
      await t.rejects(
        send(runId, 'RegistrySyncCompleted', { sourceId: 'another' }),
        /not-listening/,
      )
      await send(runId, 'RegistrySyncCompleted', { sourceId: 'main' })
      await waitFor('the update', () => named('update').length > before)
      t.match(named('update').slice(before), [
        { input: { installationId: first, version: '2.0.0' } },
      ])
      // No server runs here: the tool call that verifies the update fails.
      await send(runId, 'ServerUpdated', { installationId: first })
      await world.until(runId, 'faulted')
      t.match(named('roll-back'), [{ input: { installationId: first } }])
      t.equal(named('update').length, before + 1, 'the second server is left alone')
    },
  )
})
