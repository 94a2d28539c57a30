import t, { type Test } from 'tap'
import { createNatsMessageBus } from '../../../infra/nats/message-bus.ts'
import { start } from '../../../services/main/compose.ts'
import { readConfig } from '../../../services/main/config.ts'
import type { RecordedEvent } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { emptyDatabase } from '../../support/database.ts'
import { freshNats } from '../../support/nats.ts'
import { newDataDirectory } from '../../support/program.ts'
import { track, usageFixture } from '../../support/usage-projection.ts'
import { waitFor } from '../../support/wait-for.ts'

type Health = { readonly status: number; readonly checks: Record<string, { ok: boolean }> }

const database = await emptyDatabase(t)
const nats = await freshNats(t)
const environment = {
  ...{ DATABASE_URL: database.appUrl, DATABASE_OWNER_URL: database.ownerUrl },
  ...{ NATS_URL: nats.url, DATA_DIR: newDataDirectory(t) },
  ...{ PORT: '0', SANDBOX: 'none', DRAIN_DELAY_MS: '0' },
}

/** @returns how ready a process with these roles says it is. */
async function healthOf(t: Test, roles: string): Promise<() => Promise<Health>> {
  const config = readConfig(environment, { roles })
  const { address, stop } = await start({ config, logger: silent, version: '0.0.0' })
  t.teardown(stop)
  return async () => {
    const answer = await fetch(`${address}/health/ready`)
    const { checks } = (await answer.json()) as Pick<Health, 'checks'>
    return { status: answer.status, checks }
  }
}

/** An event as only another log has it. */
async function foreignEvent(t: Test): Promise<RecordedEvent> {
  const { store } = await usageFixture(t)
  await track(store, 's', 'a')
  for await (const event of store.readAll()) return event
  throw new Error('The log is empty.')
}

t.test('a relay that cannot publish makes its process not ready, and says why', async (t) => {
  const health = await healthOf(t, 'api,projector,relay')
  const ready = await waitFor('it to be ready', async () => {
    const now = await health()
    return now.status === 200 && now
  })
  t.same(ready.checks.relay, { ok: true })

  const bus = createNatsMessageBus({ url: nats.url, logger: silent })
  t.teardown(() => bus[Symbol.asyncDispose]())
  await bus.publish([await foreignEvent(t)], {})
  const refused = async () => {
    const now = await health()
    return now.status === 503 && now
  }
  const broken = await waitFor('the refusal', refused, 30_000)
  t.match(broken.checks, { relay: { ok: false, detail: /Another log/ }, nats: { ok: true } })

  const elsewhere = await (await healthOf(t, 'api,projector'))()
  t.equal(elsewhere.status, 200, 'a process without a relay is ready without one')
  t.notOk('relay' in elsewhere.checks)
})
