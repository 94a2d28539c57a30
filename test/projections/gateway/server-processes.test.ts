import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import {
  listServerProcesses,
  type ServerProcessesTables,
  serverProcesses,
} from '../../../projections/gateway/server-processes.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { runProjector } from '../../support/projected.ts'
import { waitFor } from '../../support/wait-for.ts'

const { store, pool } = await freshPostgresStore(t)
runProjector(t, { pool, store, readModels: [serverProcesses] })
const db = createReadDatabase<ServerProcessesTables>(pool)
const installationId = randomUUID()

async function append(stream: string, type: string, data: object) {
  await store.append(
    stream,
    [{ id: randomUUID(), type, data: { installationId, ...data } }],
    'any',
    { tenantId: 'acme', actorId: 'x', correlationId: 'x', causationId: 'x' },
  )
}

t.test('processes are listed newest first, page by page, by tenant', async (t) => {
  const ids = [randomUUID(), randomUUID(), randomUUID()]
  for (const [at, processId] of ids.entries())
    await append(`process-acme.${processId}`, 'ServerProcessStarted', {
      processId,
      version: '1.0.0',
      sandbox: 'none',
      startedAt: `2026-01-0${at + 1}T00:00:00.000Z`,
    })
  await append(`process-acme.${ids[0]}`, 'ServerProcessStopped', {
    processId: ids[0],
    reason: 'exited',
    exitCode: 7,
    detail: 'The process ended with code 7.',
    ranMs: 5,
    stoppedAt: '2026-01-01T00:00:01.000Z',
  })
  const [newest, middle, oldest] = await waitFor('the stop', async () => {
    const rows = await listServerProcesses(db, 'acme', { limit: 10 })
    return rows.some(({ stopReason }) => stopReason !== null) && rows
  })
  t.same(
    [newest, middle, oldest].map((row) => row?.processId),
    [...ids].reverse(),
  )
  t.match(newest, { stoppedAt: null, stopReason: null })
  t.match(oldest, { stopReason: 'exited', exitCode: 7, stoppedAt: '2026-01-01T00:00:01.000Z' })
  const before = { startedAt: newest?.startedAt ?? '', processId: newest?.processId ?? '' }
  t.same(await listServerProcesses(db, 'acme', { limit: 1, before }), [middle])
  t.same(await listServerProcesses(db, 'other', { limit: 10 }), [])
  t.same(await listServerProcesses(db, 'acme', { limit: 9, installationId: randomUUID() }), [])
})
