import type { Kysely, Selectable } from 'kysely'
import type { GatewayEvent } from '../../domain/gateway/events.ts'
import type { InstallerEvent } from '../../domain/installer/events.ts'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { ReadModel } from '../kernel/read-model.ts'

// The servers that are not started any more. A quarantine is about one state of an installation:
// its next version or configuration ends it, also when the two were recorded the other way round,
// unless it is one that lasts until somebody lifts it.

export interface QuarantinesTables {
  /** The newest of each installation; a row goes when somebody lifts it. */
  quarantines: {
    tenant_id: string
    installation_id: string
    version: string
    generation: number
    /** Null when somebody asked for it. */
    failures: number | null
    until_lifted: boolean
    cause: string
    quarantined_at: Date
  }
  /** Counts what a running server has to be replaced for, as the gateway does. */
  server_generations: {
    tenant_id: string
    installation_id: string
    generation: number
  }
}

export const quarantines: ReadModel<GatewayEvent | InstallerEvent, QuarantinesTables> = {
  name: 'quarantines',
  version: 2,
  keys: {
    quarantines: ['tenant_id', 'installation_id'],
    server_generations: ['tenant_id', 'installation_id'],
  },
  changes: {
    ServerQuarantined: ({ data }, { tenantId }) => [
      {
        table: 'quarantines',
        put: {
          tenant_id: tenantId,
          installation_id: data.installationId,
          version: data.version,
          generation: data.generation,
          failures: data.failures ?? null,
          until_lifted: data.untilLifted ?? false,
          cause: data.cause,
          quarantined_at: new Date(data.quarantinedAt),
        },
      },
    ],

    QuarantineLifted: ({ data }, { tenantId }) => [
      {
        table: 'quarantines',
        remove: { tenant_id: tenantId, installation_id: data.installationId },
      },
    ],

    InstallationRequested: nextGeneration,
    ServerInstalled: nextGeneration,
    ServerUpdated: nextGeneration,
    InstallationRolledBack: nextGeneration,
    ConfigurationChanged: nextGeneration,
    SecretStored: nextGeneration,
    SecretRemoved: nextGeneration,
    ServerUninstalled: nextGeneration,
  },
}

function nextGeneration({ data }: InstallerEvent, { tenantId }: EventMeta) {
  const at = { tenant_id: tenantId, installation_id: data.installationId }
  return [{ table: 'server_generations', at, add: { generation: 1 } }] as const
}

export type QuarantineRow = Selectable<QuarantinesTables['quarantines']>

/** Those in force among these installations: the server is not started until it is lifted. */
export async function quarantinesOf(
  db: Kysely<QuarantinesTables>,
  tenantId: string,
  installationIds: readonly string[],
): Promise<ReadonlyMap<string, QuarantineRow>> {
  if (installationIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('quarantines as q')
    .innerJoin('server_generations as g', (join) =>
      join
        .onRef('g.tenant_id', '=', 'q.tenant_id')
        .onRef('g.installation_id', '=', 'q.installation_id')
        .on((on) =>
          on.or([on('q.until_lifted', '=', true), on('g.generation', '=', on.ref('q.generation'))]),
        ),
    )
    .selectAll('q')
    .where('q.tenant_id', '=', tenantId)
    .where('q.installation_id', 'in', installationIds)
    .execute()
  return new Map(rows.map((row) => [row.installation_id, row]))
}
