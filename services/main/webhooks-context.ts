import { leaseHolder } from '../../infra/postgres/lease.ts'
import { createDeliveryLedger } from '../../infra/webhooks/delivery-ledger.ts'
import { createWebhookSender } from '../../infra/webhooks/http-sender.ts'
import type { HealthResult } from '../kernel/health-routes.ts'
import type { DeliveryLedger } from '../ports/delivery-ledger.ts'
import { DELIVERY_LIMITS } from '../webhooks/limits.ts'
import { runWebhookReactor } from '../webhooks/reactor.ts'
import { webhookRoutes } from '../webhooks/routes.ts'
import type { Context, Platform } from './platform.ts'

/** Telling other programs what happens, by calling them. */
export function composeWebhooks(platform: Platform): Context {
  const { config, db, log, logger, metrics, now, owned, pool, secrets } = platform
  const sender = owned.use(
    'webhook calls',
    createWebhookSender({ allowPrivate: config.allowPrivateWebhooks }),
  )
  const ledger = createDeliveryLedger(pool)
  // Whoever is called keeps copies that no erasure reaches: personal data is sent encrypted.
  const shared = { events: log, ledger, secrets, sender, now }
  return {
    routes: [{ role: 'api', plugin: webhookRoutes({ ...shared, db }) }],
    parts: [
      {
        role: 'reactors',
        name: 'webhook reactor',
        run: (signal) =>
          runWebhookReactor(
            {
              ...{ ...shared, logger, metrics, limits: DELIVERY_LIMITS, random: Math.random },
              hold: leaseHolder({ pool, name: 'webhooks', logger }),
            },
            signal,
          ),
      },
    ],
    checks: config.roles.has('reactors') ? { webhooks: () => webhookHealth(ledger, now()) } : {},
  }
}

/** Receivers that fail are no fault of this process: it says so and stays ready. */
async function webhookHealth(ledger: DeliveryLedger, now: Date): Promise<HealthResult> {
  const backlog = await ledger.backlog()
  const owed = backlog.reduce((sum, each) => sum + each.owed, 0)
  const parked = backlog.reduce((sum, each) => sum + each.parked, 0)
  const oldest = Math.min(
    ...backlog.flatMap(({ oldestOwedAt }) => oldestOwedAt?.getTime() ?? now.getTime()),
  )
  const age = owed === 0 ? '' : `, the oldest for ${Math.round((now.getTime() - oldest) / 1_000)} s`
  return { ok: true, detail: `${owed} owed${age}; ${parked} parked` }
}
