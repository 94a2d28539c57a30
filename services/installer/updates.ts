import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { compare, valid } from 'semver'
import { installation, installationStream } from '../../domain/installer/installation.ts'
import { isActive } from '../../domain/installer/installation-state.ts'
import { installedServers } from '../../projections/installer/installation-queries.ts'
import type { InstallationsTables } from '../../projections/installer/installations.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { type CommandContext, type Executed, execute, load } from '../kernel/execute.ts'
import { ProblemError } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import { lookUp } from './catalogue.ts'

const DAY_MS = 24 * 60 * 60_000
/** After a start the first sync should have an answer first. */
const FIRST_CHECK_MS = 5 * 60_000

export type UpdateCheckDeps = {
  readonly events: EventStore
  readonly db: Kysely<InstallationsTables & CatalogueTables>
  readonly now: () => Date
  readonly logger: Logger
}

type Checked = Executed<Awaited<ReturnType<typeof loadInstallation>>['state']>

/**
 * Records it, once, when the catalogue's latest version is newer than the active one.
 *
 * @throws {ProblemError} when the installation or its catalogue entry is unknown.
 */
export async function checkForUpdate(
  deps: Pick<UpdateCheckDeps, 'events' | 'db' | 'now'>,
  installationId: string,
  context: CommandContext,
): Promise<Checked> {
  const { tenantId } = context
  const known = await loadInstallation(deps.events, tenantId, installationId)
  if (!isActive(known.state)) return known
  const { serverName, sourceId, active } = known.state
  const wanted = { name: serverName, version: 'latest', sourceId }
  const latest = await lookUp(deps.db, tenantId, wanted)
  if (!isNewer(latest.version, active.version)) return known
  return execute(
    deps.events,
    installation,
    installationStream(tenantId, installationId),
    {
      type: 'NoteUpdate',
      installationId,
      available: latest.version,
      now: deps.now().toISOString(),
    },
    context,
  )
}

function loadInstallation(events: EventStore, tenantId: string, installationId: string) {
  return load(events, installation, installationStream(tenantId, installationId))
}

/** Another version that is called latest is newer when the two cannot be compared. */
function isNewer(latest: string, current: string): boolean {
  if (valid(latest) === null || valid(current) === null) return latest !== current
  return compare(latest, current) > 0
}

/** Once a day for every installed server. */
export async function runUpdateChecks(deps: UpdateCheckDeps, signal: AbortSignal): Promise<void> {
  let pause = FIRST_CHECK_MS
  while (!signal.aborted) {
    await delay(pause, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    await checkAll(deps, signal)
    pause = DAY_MS
  }
}

async function checkAll(deps: UpdateCheckDeps, signal: AbortSignal): Promise<void> {
  for (const { tenant_id, installation_id } of await installedServers(deps.db)) {
    if (signal.aborted) return
    const context: CommandContext = {
      tenantId: tenant_id,
      actorId: 'system:update-check',
      correlationId: installation_id,
      causationId: installation_id,
    }
    try {
      await checkForUpdate(deps, installation_id, context)
    } catch (error) {
      // An entry that left the catalogue has no newer version.
      if (!(error instanceof ProblemError))
        deps.logger.warn({ installationId: installation_id, err: error }, 'No update check.')
    }
  }
}
