import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { createPayloadFiles, createPayloadStore } from '../../../infra/workflows/payload-store.ts'
import { createPrograms } from '../../../services/workflows/programs.ts'
import { RunSession } from '../../../services/workflows/run-session.ts'
import { startRun } from '../../../services/workflows/start-run.ts'
import { dataDirectory } from '../../support/installer-world.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { sealing, testKeys } from '../../support/sealing.ts'
import { applied, WORKFLOW_OWNER } from '../../support/workflow-parts.ts'
import { workflow } from '../../support/workflow-run.ts'

const id = randomUUID()
const context = { tenantId: 'acme', actorId: 'test', correlationId: id, causationId: id }

t.test('large values are encrypted files, and their events keep hash and size', async (t) => {
  const { store: log, pool } = await freshPostgresStore(t)
  const keys = await testKeys(t, pool)
  const dataDir = dataDirectory(t)
  const inner = sealing(log, keys)
  const events = createPayloadStore({ store: inner, keys: keys.subjectKeys, dataDir })
  const double = { set: { twice: '${ [.text, .text] }' } }
  await applied(events, workflow([{ double }]))
  const programs = createPrograms(events)
  const deps = { events, programs, now: () => new Date() }
  const text = 'private '.repeat(100_000)
  const wanted = { namespace: 'test', name: 'example', owner: WORKFLOW_OWNER, input: { text } }
  const { runId } = await startRun(deps, { ...wanted, trigger: 'request' }, context)
  const ref = { tenantId: 'acme', runId }

  const session = await RunSession.open(events, ref)
  const program = await programs.ofRun('acme', session.run, '1.0.0')
  const surroundings = { program, now: new Date().toISOString(), random: 0 }
  const goOn = () => session.give({ type: 'AdvanceRun', surroundings })
  for (let more = true; more; ) more = await goOn()
  const again = await RunSession.open(events, ref)
  t.equal(again.run.status, 'completed')
  t.same(again.run.result, { output: { twice: [text, text] } })

  const files = readdirSync(path.join(dataDir, 'payloads/acme', runId))
  t.equal(files.length, 2, 'one for the input, one for the output')
  for (const file of files)
    t.notOk(readFileSync(path.join(dataDir, 'payloads/acme', runId, file)).includes('private'))
  for await (const event of inner.readStream(`run-acme.${runId}`, { limit: 1 }))
    t.match(event.data.input, { $payload: { bytes: text.length + 11, sha256: /^[0-9a-f]{64}$/ } })

  await keys.subjectKeys.destroy('acme', runId)
  const erased = await RunSession.open(events, ref)
  t.same(erased.run.input, '[erased]')

  const payloads = createPayloadFiles(dataDir)
  for (const other of ['../acme', '', '.', 'ann@example.org', randomUUID()])
    await payloads.removeAll('acme', other)
  t.equal(readdirSync(path.join(dataDir, 'payloads/acme', runId)).length, 2, 'of nobody else')
  for (let times = 0; times < 2; times++) await payloads.removeAll('acme', runId)
  t.notOk(existsSync(path.join(dataDir, 'payloads/acme', runId)))
  t.same((await RunSession.open(events, ref)).run.input, '[erased]', 'without its file')
})
