import type { Static } from 'typebox'
import { STAGES } from '../../domain/installer/events.ts'
import type { QuarantineRow } from '../../projections/gateway/quarantines.ts'
import type {
  InstallationRow,
  InstallationStageRow,
} from '../../projections/installer/installations.ts'
import type { Detail, Summary } from './schemas.ts'

/** @param quarantine undefined when the server may be started. */
export function summaryOf(
  row: InstallationRow,
  quarantine: QuarantineRow | undefined,
): Static<typeof Summary> {
  return {
    installationId: row.installation_id,
    server: row.server_name,
    source: row.source_id,
    status: row.status,
    ...(row.version === null ? {} : { version: row.version }),
    requestedVersion: row.requested_version,
    target: row.target,
    ...(row.runtime === null ? {} : { mcpPath: `/mcp/${row.installation_id}` }),
    tools: row.tools,
    ...(row.failure === null ? {} : { failure: row.failure }),
    ...updateOf(row),
    ...quarantineOf(quarantine),
    createdAt: row.created_at.toISOString(),
    changedAt: row.changed_at.toISOString(),
  }
}

export function detailOf(
  row: InstallationRow,
  quarantine: QuarantineRow | undefined,
  stages: readonly InstallationStageRow[],
  versions: string[],
): Static<typeof Detail> {
  return {
    ...summaryOf(row, quarantine),
    configuration: row.configuration,
    stages: STAGES.map((stage) => stageOf(stage, stages)),
    versions: row.status === 'uninstalled' ? [] : versions,
  }
}

function updateOf({ available_version, available_breaking }: InstallationRow) {
  if (available_version === null) return {}
  return { update: { version: available_version, breaking: available_breaking ?? true } }
}

function quarantineOf(row: QuarantineRow | undefined) {
  if (row === undefined) return {}
  const { quarantined_at: since, failures, until_lifted: untilLifted, cause } = row
  const counted = failures === null ? {} : { failures }
  return { quarantine: { since: since.toISOString(), ...counted, untilLifted, cause } }
}

function stageOf(
  stage: (typeof STAGES)[number],
  rows: readonly InstallationStageRow[],
): Static<typeof Detail>['stages'][number] {
  const row = rows.find((one) => one.stage === stage)
  if (row === undefined) return { stage, status: 'pending', facts: {} }
  return {
    stage,
    status: row.status,
    startedAt: row.started_at.toISOString(),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at.toISOString() }),
    ...(row.duration_ms === null ? {} : { durationMs: row.duration_ms }),
    facts: row.facts,
  }
}
