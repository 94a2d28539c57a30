import { leaseHolder } from '../../infra/postgres/lease.ts'
import { createRuleState } from '../../infra/rules/rule-state.ts'
import { createWebhookSender } from '../../infra/webhooks/http-sender.ts'
import { createWorkerPool } from '../../infra/workers/pool.ts'
import { countSuspended } from '../../projections/rules/rules.ts'
import type { PlatformCommands } from '../kernel/platform-command.ts'
import { createStanding } from '../kernel/standing.ts'
import { previewRoutes } from '../rules/preview-routes.ts'
import { runRuleReactor } from '../rules/reactor.ts'
import { ruleRoutes } from '../rules/routes.ts'
import { createWebhookCaller } from '../webhooks/caller.ts'
import type { Context, Platform } from './platform.ts'

/** What is to be done when something happens. */
export function composeRules(platform: Platform, commands: PlatformCommands): Context {
  const { config, db, log, logger, metrics, now, owned, pool, secrets, stopping, store } = platform
  const sender = owned.use(
    'webhook calls of rules',
    createWebhookSender({ allowPrivate: config.allowPrivateWebhooks }),
  )
  const workers = owned.use('previews of rules', createWorkerPool({ maxThreads: 1 }))
  return {
    routes: [
      { role: 'api', plugin: ruleRoutes({ store, db, commands, now }) },
      { role: 'api', plugin: previewRoutes({ log, db, workers, logger, stopping }) },
    ],
    parts: [
      {
        role: 'reactors',
        name: 'rules',
        run: (signal) =>
          runRuleReactor(
            {
              ...{ events: log, store, now, metrics, logger, commands },
              state: createRuleState(pool),
              standing: createStanding(db, now),
              webhooks: createWebhookCaller({ events: log, secrets, sender, now }),
              random: Math.random,
              hold: leaseHolder({ pool, name: 'rules', logger }),
            },
            signal,
          ),
      },
    ],
    checks: config.roles.has('reactors')
      ? {
          rules: async () => ({ ok: true, detail: `${await countSuspended(db)} suspended` }),
        }
      : {},
  }
}
