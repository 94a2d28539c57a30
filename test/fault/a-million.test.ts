import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { fillRealistically } from '../../scripts/bench/realistic-log.ts'
import { asSuperuserOf } from '../support/database.ts'
import { emptyLedger, type Ledger } from '../support/faults/ledger.ts'
import { restoredHost } from '../support/faults/restored-host.ts'
import { AT_LENGTH } from '../support/faults/seeds.ts'
import { faultStage, type Stage } from '../support/faults/stage.ts'
import { ownPostgres } from '../support/own-postgres.ts'
import { newDataDirectory, type TidemarkProcess } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'

const EVENTS = Number(process.env.FAULT_EVENTS ?? 1_000_000)
/** Issued before the first half of the log, between the halves and after them. */
const PEOPLE = 20
const CANARY = 'canary-51f0'
/** A busy machine gets three times the 5 minutes. */
const SERVES_WITHIN_MS = 3 * 5 * 60_000
const REBUILT_WITHIN_MS = 30 * 60_000
const options = AT_LENGTH ? {} : { skip: 'make test-faults does it' }

t.setTimeout(2 * 60 * 60_000)

type Person = { readonly subjectId: string; readonly key: string; readonly position: string }

t.test('a million events', options, async (t) => {
  const postgres = await ownPostgres(t)
  const stage = await faultStage(t, { postgres, readyWithinMs: SERVES_WITHIN_MS })
  const { people, ledger } = await filled(stage)

  await t.test('are served again within five minutes of a restore', async (t) => {
    const backup = mkdtempSync(path.join(tmpdir(), 'tidemark-backup-'))
    const dataDirectory = newDataDirectory(t)
    await postgres.stop()
    cpSync(postgres.directory, backup, { recursive: true })
    cpSync(stage.dataDirectory, dataDirectory, { recursive: true })
    await postgres.start()
    const start = performance.now()
    const copies = { cluster: backup, dataDirectory }
    const host = await restoredHost(t, stage.database, copies, SERVES_WITHIN_MS)
    const again = await host.start()
    const seconds = (performance.now() - start) / 1_000
    t.comment(`measured: ready ${seconds.toFixed(0)} s after the start of the restored Postgres`)
    t.ok(seconds * 1_000 < SERVES_WITHIN_MS)
    await host.assertTruth(t, ledger, { withinMs: SERVES_WITHIN_MS })
    t.comment(
      `measured: the same log on the bus after ${((performance.now() - start) / 1_000).toFixed(0)} s`,
    )
    await host.assertNothingLeft(t, again)
  })

  await t.test('are replayed while people are erased and keys changed', async (t) => {
    const program = await stage.start()
    await asSuperuserOf(postgres.superuserUrl, stage.database, 'checkpoint')
    t.ok(filesWithCanary(postgres.directory).length > 0, 'what is looked for can be found')
    const start = performance.now()
    const rebuilds = await rebuildEverything(program)
    const erasing = people.map(({ subjectId }) =>
      program.json('/v1/privacy/erasures', { body: { subjectId } }),
    )
    await program.json('/v1/privacy/key-rotations', { method: 'POST' })
    await Promise.all(erasing)
    await rebuilt(program, rebuilds)
    const seconds = (performance.now() - start) / 1_000
    t.comment(`measured: ${rebuilds.length} read models built again in ${seconds.toFixed(0)} s`)
    const rotation = await program.json('/v1/privacy/key-rotations/latest')
    t.match(rotation, { status: 'completed', remaining: { secrets: 0 } })
    await stage.assertTruth(t, emptyLedger(), { withinMs: SERVES_WITHIN_MS })
    for (const { key } of people.slice(0, 3))
      t.equal((await program.request('/v1/whoami', { key })).status, 200, 'the key still works')
    await stage.assertNothingLeft(t, program)
    t.notMatch(program.log(), /"level":(50|60)/, 'no error is logged')
    // Dead rows are gone then; the write-ahead log has them until it comes round again.
    await asSuperuserOf(postgres.superuserUrl, stage.database, 'vacuum full', 'checkpoint')
    const places = [path.join(postgres.directory, 'data', 'base'), stage.nats.files]
    for (const place of [...places, stage.dataDirectory])
      t.same(filesWithCanary(place), [], `no file of ${path.basename(place)} has the plain text`)
  })
})

/** With people in it whose names can be recognised. */
async function filled(stage: Stage): Promise<{ people: readonly Person[]; ledger: Ledger }> {
  const people: Person[] = []
  const ledger = emptyLedger()
  for (const part of [EVENTS / 2, EVENTS / 2, 0]) {
    const program = await stage.start()
    for (let index = 0; index < PEOPLE; index++) {
      const name = `${CANARY} ${people.length}`
      const body = { name, owner: name, scopes: ['catalogue:read'] }
      const person = await program.json<Person>('/v1/keys', { body })
      people.push(person)
      ledger.acknowledged.push({ mark: name, position: BigInt(person.position) })
    }
    await program.stop()
    await fillRealistically(stage.store, part)
  }
  return { people, ledger }
}

async function rebuildEverything({ json }: TidemarkProcess): Promise<readonly string[]> {
  type Listed = { readonly items: readonly { readonly readModel: string }[] }
  const { items } = await json<Listed>('/v1/operations/projections')
  const asked: string[] = []
  for (const { readModel } of items) {
    const place = `/v1/operations/projections/${readModel}/rebuild`
    asked.push((await json<{ rebuildId: string }>(place, { method: 'POST' })).rebuildId)
  }
  return asked
}

async function rebuilt({ json }: TidemarkProcess, rebuildIds: readonly string[]): Promise<void> {
  type List = { readonly items: readonly { lastRequest?: { rebuildId: string; status: string } }[] }
  await waitFor(
    'every read model to be built again',
    async () => {
      const { items } = await json<List>('/v1/operations/projections')
      const done = items.flatMap(({ lastRequest }) =>
        lastRequest?.status === 'completed' ? [lastRequest.rebuildId] : [],
      )
      return rebuildIds.every((id) => done.includes(id))
    },
    REBUILT_WITHIN_MS,
  )
}

/** Files with the plain text of a person's data in their bytes. */
function filesWithCanary(directory: string): readonly string[] {
  const { stdout, status, stderr } = spawnSync('grep', ['-rlaF', CANARY, directory], {
    encoding: 'utf8',
  })
  if (status !== 0 && status !== 1) throw new Error(stderr)
  return stdout.split('\n').filter((line) => line !== '')
}
