import type { Kysely } from 'kysely'
import { type KeyProvider, KeyUnavailableError } from '../../services/ports/key-provider.ts'
import type { KeyRotation } from '../../services/ports/key-rotation.ts'
import { createFileKeyProvider, keepFirstRootKey } from './file-key-provider.ts'
import { createKeyRotation } from './key-rotation.ts'
import type { KeyTables } from './key-tables.ts'
import { seal } from './secret-box.ts'
import { secretContext } from './secret-store.ts'
import { createSubjectKeys, type SubjectKeyRing } from './subject-keys.ts'
import { createTenantKeys, type TenantKeys, tenantKeyContext } from './tenant-keys.ts'

/**
 * Three steps of keys: root keys, which a provider holds, wrap the tenants' keys; a tenant's key
 * encrypts its secrets and wraps the keys of its subjects; a subject's key encrypts what events
 * say of a person. The database has all but the first, wrapped.
 */
export type KeyRing = {
  readonly tenantKeys: TenantKeys
  readonly subjectKeys: SubjectKeyRing
  readonly rotation: KeyRotation
}

/**
 * The keys of this database, with root keys from files of the data directory.
 *
 * A root key is made only for a database that has used none: one that is missing is never
 * replaced by another that opens nothing.
 *
 * @throws {KeyUnavailableError} when a root key that this database needs is not there.
 */
export async function openKeyRing(db: Kysely<KeyTables>, dataDirectory: string): Promise<KeyRing> {
  const provider = createFileKeyProvider(dataDirectory)
  const wrapped = await oneOfEachRootKey(db)
  const old = await oldSecrets(db)
  if (wrapped.length === 0 && old.length === 0) await keepFirstRootKey(dataDirectory)
  for (const row of wrapped) await proveUsable(provider, row)
  const tenantKeys = createTenantKeys(db, provider)
  for (const secret of old) await reseal(db, provider, tenantKeys, secret)
  return {
    tenantKeys,
    subjectKeys: createSubjectKeys(db, tenantKeys),
    rotation: createKeyRotation({ db, provider, tenantKeys }),
  }
}

type WrappedRow = KeyTables['ops.tenant_keys']

function oneOfEachRootKey(db: Kysely<KeyTables>): Promise<WrappedRow[]> {
  return db.selectFrom('ops.tenant_keys').distinctOn('root_key_id').selectAll().execute()
}

async function proveUsable(provider: KeyProvider, row: WrappedRow): Promise<void> {
  const { tenant_id, key_id, root_key_id: rootKeyId, wrapped } = row
  try {
    await provider.unwrap({ rootKeyId, wrapped }, tenantKeyContext(tenant_id, key_id))
  } catch (error) {
    if (!(error instanceof KeyUnavailableError)) throw error
    const why = error.message.replace(/\.$/, '')
    throw new KeyUnavailableError(
      `${why}, and this database's secrets and personal data are encrypted with it: ` +
        'put back the secret-key files of the data directory that it was used with',
    )
  }
}

type OldSecret = KeyTables['ops.secrets']

function oldSecrets(db: Kysely<KeyTables>): Promise<OldSecret[]> {
  return db.selectFrom('ops.secrets').where('tenant_key_id', 'is', null).selectAll().execute()
}

/** An earlier program used the only root key there was for the secret itself. */
async function reseal(
  db: Kysely<KeyTables>,
  provider: KeyProvider,
  tenantKeys: TenantKeys,
  { tenant_id, installation_id, name, box }: OldSecret,
): Promise<void> {
  const context = secretContext(tenant_id, installation_id, name)
  const rootKeyId = await provider.currentKeyId()
  const value = await provider.unwrap({ rootKeyId, wrapped: box }, context)
  const { keyId, key } = await tenantKeys.current(tenant_id)
  await db
    .updateTable('ops.secrets')
    .set({ tenant_key_id: keyId, box: seal(key, value, context) })
    .where('tenant_id', '=', tenant_id)
    .where('installation_id', '=', installation_id)
    .where('name', '=', name)
    .where('tenant_key_id', 'is', null)
    .execute()
}
