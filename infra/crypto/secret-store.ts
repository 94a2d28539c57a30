import type { Kysely } from 'kysely'
import { type SecretStore, SecretUnreadableError } from '../../services/ports/secret-store.ts'
import type { KeyTables } from './key-tables.ts'
import { open, seal } from './secret-box.ts'
import type { TenantKeys } from './tenant-keys.ts'

type SecretTables = Pick<KeyTables, 'ops.secrets'>

/** Secrets in Postgres, encrypted with the tenant's key. */
export function createSecretStore({
  db,
  tenantKeys,
}: {
  readonly db: Kysely<SecretTables>
  readonly tenantKeys: TenantKeys
}): SecretStore {
  return {
    async put(tenantId, installationId, name, value) {
      const { keyId, key } = await tenantKeys.current(tenantId)
      const box = seal(key, Buffer.from(value), secretContext(tenantId, installationId, name))
      await db
        .insertInto('ops.secrets')
        .values({
          ...{ tenant_id: tenantId, installation_id: installationId, name },
          ...{ tenant_key_id: keyId, box },
        })
        .onConflict((conflict) =>
          conflict
            .columns(['tenant_id', 'installation_id', 'name'])
            .doUpdateSet({ tenant_key_id: keyId, box }),
        )
        .execute()
    },

    async remove(tenantId, installationId, name) {
      await owned(db, tenantId, installationId).where('name', '=', name).execute()
    },

    async removeAll(tenantId, installationId) {
      await owned(db, tenantId, installationId).execute()
    },

    async reveal(tenantId, installationId) {
      const rows = await db
        .selectFrom('ops.secrets')
        .select(['name', 'box', 'tenant_key_id'])
        .where('tenant_id', '=', tenantId)
        .where('installation_id', '=', installationId)
        .execute()
      const values = rows.map(async ({ name, box, tenant_key_id: keyId }) => {
        const context = secretContext(tenantId, installationId, name)
        return [name, await opened(tenantKeys, tenantId, keyId, box, context)] as const
      })
      return Object.fromEntries(await Promise.all(values))
    },
  }
}

/** What a secret's box is bound to. */
export function secretContext(
  tenantId: string,
  installationId: string,
  name: string,
): readonly string[] {
  return [tenantId, installationId, name]
}

function owned(db: Kysely<SecretTables>, tenantId: string, installationId: string) {
  return db
    .deleteFrom('ops.secrets')
    .where('tenant_id', '=', tenantId)
    .where('installation_id', '=', installationId)
}

async function opened(
  tenantKeys: TenantKeys,
  tenantId: string,
  keyId: string | null,
  box: Buffer,
  context: readonly string[],
): Promise<string> {
  try {
    return open(await tenantKeys.byId(tenantId, keyId ?? ''), box, context).toString('utf8')
  } catch {
    // The cause is left out: it could carry a part of the value.
    throw new SecretUnreadableError(`The secret ${context.at(-1)} cannot be read with this key.`)
  }
}
