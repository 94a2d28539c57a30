import type { Kysely } from 'kysely'
import type { InstallationRow, InstallationStageRow, InstallationsTables } from './installations.ts'

/** @returns undefined when this tenant never installed anything under this id. */
export function findInstallation(
  db: Kysely<InstallationsTables>,
  tenantId: string,
  installationId: string,
): Promise<InstallationRow | undefined> {
  return db
    .selectFrom('installations')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('installation_id', '=', installationId)
    .executeTakeFirst()
}

/** By id, so that a page stays where it is while others install. @param after exclusive. */
export function listInstallations(
  db: Kysely<InstallationsTables>,
  tenantId: string,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<InstallationRow[]> {
  const { limit, after } = page
  return db
    .selectFrom('installations')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .$if(after !== undefined, (query) => query.where('installation_id', '>', after ?? ''))
    .orderBy('installation_id')
    .limit(limit)
    .execute()
}

/** Of one attempt, in no order. */
export function stagesOf(
  db: Kysely<InstallationsTables>,
  { tenant_id, installation_id, attempt_id }: InstallationRow,
): Promise<InstallationStageRow[]> {
  return db
    .selectFrom('installation_stages')
    .selectAll()
    .where('tenant_id', '=', tenant_id)
    .where('installation_id', '=', installation_id)
    .where('attempt_id', '=', attempt_id)
    .execute()
}

/** The active version and those that a rollback returns to, newest first. */
export async function keptVersions(
  db: Kysely<InstallationsTables>,
  tenantId: string,
  installationId: string,
): Promise<string[]> {
  const rows = await db
    .selectFrom('installation_versions')
    .select('version')
    .where('tenant_id', '=', tenantId)
    .where('installation_id', '=', installationId)
    .orderBy('installed_at', 'desc')
    .execute()
  return rows.map(({ version }) => version)
}

/** Installations that an update can be looked for, of every tenant: for the daily job only. */
export function installedServers(
  db: Kysely<InstallationsTables>,
): Promise<Pick<InstallationRow, 'tenant_id' | 'installation_id'>[]> {
  return db
    .selectFrom('installations')
    .select(['tenant_id', 'installation_id'])
    .where('status', '=', 'installed')
    .orderBy('tenant_id')
    .orderBy('installation_id')
    .execute()
}

/** Every one of every tenant: for the reactor's start only. */
export function everyInstallation(
  db: Kysely<InstallationsTables>,
): Promise<Pick<InstallationRow, 'tenant_id' | 'installation_id'>[]> {
  return db
    .selectFrom('installations')
    .select(['tenant_id', 'installation_id'])
    .orderBy('tenant_id')
    .orderBy('installation_id')
    .execute()
}
