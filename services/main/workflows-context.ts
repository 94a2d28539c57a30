import { leaseHolder } from '../../infra/postgres/lease.ts'
import { createOutgoingCalls } from '../../infra/workflows/http-call.ts'
import { createPayloadFiles, createPayloadStore } from '../../infra/workflows/payload-store.ts'
import { createRunClaims } from '../../infra/workflows/run-claims.ts'
import { createRunWaits } from '../../infra/workflows/run-waits.ts'
import { gatherCommands, type PlatformCommand } from '../kernel/platform-command.ts'
import { createStanding } from '../kernel/standing.ts'
import type { InstalledCalls } from '../ports/installed-calls.ts'
import { createAuthenticate } from '../workflows/authentication/authenticate.ts'
import { createCalls } from '../workflows/calls/calls.ts'
import { removeErasedRuns } from '../workflows/erased-runs.ts'
import { runWorkflowSchedule } from '../workflows/jobs.ts'
import { keepWaits } from '../workflows/keeper.ts'
import { createMcpCall } from '../workflows/mcp-call.ts'
import { createPerform } from '../workflows/perform.ts'
import { workflowCommands } from '../workflows/platform-commands.ts'
import { createPrograms } from '../workflows/programs.ts'
import { runWorkflowReactor } from '../workflows/reactor.ts'
import { runReads } from '../workflows/run-read-routes.ts'
import { runRoutes } from '../workflows/run-routes.ts'
import { workflowSecretRoutes } from '../workflows/secret-routes.ts'
import { WorkflowSecrets } from '../workflows/secrets.ts'
import type { Context, Platform } from './platform.ts'

/**
 * @param commands what the other contexts let runs do.
 * @param installed calls of installed servers.
 */
export function composeWorkflows(
  platform: Platform,
  commands: readonly PlatformCommand[],
  installed: InstalledCalls,
): Context {
  const { bus, config, db, keys, log, logger, metrics, now, owned, pool, secrets, store } = platform
  const events = createPayloadStore({
    ...{ store, keys: keys.subjectKeys, dataDir: config.dataDirectory },
  })
  const standing = createStanding(db, now)
  const programs = createPrograms(events)
  const shared = { events, programs, now, logger, metrics }
  const own = workflowCommands(shared, standing)
  const outgoing = owned.use(
    'calls of workflows',
    createOutgoingCalls({ allowPrivate: config.allowPrivateCalls }),
  )
  const authenticate = createAuthenticate(new WorkflowSecrets({ events, secrets, now }), now)
  const perform = createPerform({
    ...{ ...shared, standing },
    commands: gatherCommands(commands, own),
    calls: new Map([
      ...createCalls(outgoing, authenticate),
      ['mcp', { access: 'tools:call', call: createMcpCall(installed) } as const],
    ]),
  })
  const claims = owned.use('claims of runs', createRunClaims(pool))
  return {
    routes: [
      { role: 'api', plugin: runRoutes(shared) },
      { role: 'api', plugin: runReads({ events, db }) },
      { role: 'api', plugin: workflowSecretRoutes({ events, secrets, now }) },
    ],
    parts: [
      {
        role: 'reactors',
        name: 'workflow reactor',
        run: (signal) =>
          runWorkflowReactor({ ...shared, bus, claims, perform, random: Math.random }, signal),
      },
      {
        role: 'reactors',
        name: 'workflow waits',
        run: (signal) =>
          keepWaits(
            {
              ...{ ...shared, log, standing, waits: createRunWaits(pool) },
              hold: leaseHolder({ pool, name: 'workflow waits', logger }),
            },
            signal,
          ),
      },
      {
        role: 'reactors',
        name: 'erased runs',
        run: (signal) => {
          const payloads = createPayloadFiles(config.dataDirectory)
          return removeErasedRuns({ bus, payloads }, signal)
        },
      },
      {
        role: 'jobs',
        name: 'workflow schedule',
        run: (signal) => runWorkflowSchedule({ ...shared, db, standing }, signal),
      },
    ],
    commands: own,
  }
}
