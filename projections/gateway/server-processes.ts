import type { Kysely } from 'kysely'
import type { GatewayEvent } from '../../domain/gateway/events.ts'
import type { ReadModel } from '../kernel/read-model.ts'

// Every run of a server process.

export interface ServerProcessesTables {
  server_processes: {
    tenant_id: string
    process_id: string
    installation_id: string
    version: string
    sandbox: string
    started_at: Date
    /** Null while it runs, and for ever when its gateway was killed. */
    stopped_at: Date | null
    stop_reason: string | null
    detail: string | null
    exit_code: number | null
    ran_ms: number | null
  }
}

export const serverProcesses: ReadModel<GatewayEvent, ServerProcessesTables> = {
  name: 'server-processes',
  version: 1,
  keys: {
    server_processes: ['tenant_id', 'process_id'],
  },
  changes: {
    ServerProcessStarted: ({ data }, { tenantId }) => [
      {
        table: 'server_processes',
        put: {
          tenant_id: tenantId,
          process_id: data.processId,
          installation_id: data.installationId,
          version: data.version,
          sandbox: data.sandbox,
          started_at: new Date(data.startedAt),
          stopped_at: null,
          stop_reason: null,
          detail: null,
          exit_code: null,
          ran_ms: null,
        },
      },
    ],

    ServerProcessStopped: ({ data }, { tenantId }) => [
      {
        table: 'server_processes',
        at: { tenant_id: tenantId, process_id: data.processId },
        patch: {
          stopped_at: new Date(data.stoppedAt),
          stop_reason: data.reason,
          detail: data.detail ?? null,
          exit_code: data.exitCode ?? null,
          ran_ms: data.ranMs,
        },
      },
    ],
  },
}

export type ServerProcess = {
  readonly processId: string
  readonly installationId: string
  readonly version: string
  readonly sandbox: string
  readonly startedAt: string
  readonly stoppedAt: string | null
  readonly stopReason: string | null
  readonly detail: string | null
  readonly exitCode: number | null
}

/** Newest first. @param page.before exclusive. */
export async function listServerProcesses(
  db: Kysely<ServerProcessesTables>,
  tenantId: string,
  page: {
    readonly limit: number
    readonly installationId?: string | undefined
    readonly before?: { readonly startedAt: string; readonly processId: string } | undefined
  },
): Promise<ServerProcess[]> {
  const { limit, installationId, before } = page
  let query = db.selectFrom('server_processes').selectAll().where('tenant_id', '=', tenantId)
  if (installationId !== undefined) query = query.where('installation_id', '=', installationId)
  if (before !== undefined)
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple('started_at', 'process_id'),
        '<',
        tuple(new Date(before.startedAt), before.processId),
      ),
    )
  const rows = await query
    .orderBy('started_at', 'desc')
    .orderBy('process_id', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    processId: row.process_id,
    installationId: row.installation_id,
    version: row.version,
    sandbox: row.sandbox,
    startedAt: row.started_at.toISOString(),
    stoppedAt: row.stopped_at?.toISOString() ?? null,
    stopReason: row.stop_reason,
    detail: row.detail,
    exitCode: row.exit_code,
  }))
}
