import type { Kysely } from 'kysely'
import { type SecretStore, SecretUnreadableError } from '../../services/ports/secret-store.ts'
import { open, seal } from './secret-box.ts'

export interface SecretTables {
  'ops.secrets': {
    tenant_id: string
    installation_id: string
    name: string
    box: Buffer
  }
}

/** Secrets in Postgres, encrypted with a key that the database never sees. */
export function createSecretStore({
  db,
  key,
}: {
  readonly db: Kysely<SecretTables>
  /** 32 bytes, see `loadSecretKey`. */
  readonly key: Buffer
}): SecretStore {
  return {
    async put(tenantId, installationId, name, value) {
      const box = seal(key, value, [tenantId, installationId, name])
      await db
        .insertInto('ops.secrets')
        .values({ tenant_id: tenantId, installation_id: installationId, name, box })
        .onConflict((conflict) =>
          conflict.columns(['tenant_id', 'installation_id', 'name']).doUpdateSet({ box }),
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
        .select(['name', 'box'])
        .where('tenant_id', '=', tenantId)
        .where('installation_id', '=', installationId)
        .execute()
      return Object.fromEntries(
        rows.map(({ name, box }) => [name, opened(key, box, [tenantId, installationId, name])]),
      )
    },
  }
}

function owned(db: Kysely<SecretTables>, tenantId: string, installationId: string) {
  return db
    .deleteFrom('ops.secrets')
    .where('tenant_id', '=', tenantId)
    .where('installation_id', '=', installationId)
}

function opened(key: Buffer, box: Buffer, context: readonly string[]): string {
  try {
    return open(key, box, context)
  } catch {
    // The cause is left out: it could carry a part of the value.
    throw new SecretUnreadableError(`The secret ${context.at(-1)} cannot be read with this key.`)
  }
}
