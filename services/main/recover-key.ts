import { access, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Kysely } from 'kysely'
import { createApiKeys } from '../../infra/crypto/api-key.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { keepPepper, keepSecretFile } from '../../infra/crypto/secret-file.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import {
  type ApiKeysTables,
  findKeyOfAnyTenant,
  apiKeys as keyRows,
} from '../../projections/identity/api-keys.ts'
import { CliError, EXIT, usage } from '../cli/failure.ts'
import { recoverKey } from '../identity/recovery.ts'
import { ProblemError } from '../kernel/problem.ts'
import type { Position } from '../ports/event-store.ts'
import { silent } from '../ports/logger.ts'
import { noMetrics } from '../ports/metrics.ts'
import type { ReadFreshness } from '../ports/read-freshness.ts'
import { ConfigError, type DataConfig, readDataConfig } from './config.ts'
import { openLog } from './open-log.ts'
import { Owned, ownPool } from './owned.ts'
import { StartError, waitForDependency } from './wait-for-dependency.ts'

const PATIENCE_MS = 5_000

export type Recovered = {
  readonly keyId: string
  /** Holds the key, readable by its owner only. */
  readonly file: string
  /** False when no projector has read of it yet: it works from then on. */
  readonly inEffect: boolean
}

/**
 * A key that may do everything, from whoever reads the data directory and the database: the way
 * in when no key is left. Goes to the log itself, whether or not a program serves.
 *
 * @throws {CliError}
 */
export async function recoverApiKey(
  environment: NodeJS.ProcessEnv,
  tenantId: string,
): Promise<Recovered> {
  const owned = new Owned(silent)
  try {
    return await recover(readDataConfig(environment), owned, tenantId)
  } catch (error) {
    if (error instanceof ConfigError) throw usage(error.message)
    if (error instanceof StartError) throw new CliError(EXIT.unreachable, error.message)
    if (error instanceof ProblemError) throw new CliError(EXIT.refused, error.message)
    throw error
  } finally {
    await owned.close()
  }
}

async function recover(config: DataConfig, owned: Owned, tenantId: string): Promise<Recovered> {
  const { dataDirectory } = config
  const apiKeys = createApiKeys(await pepperOf(dataDirectory))
  const now = () => new Date()
  const pool = ownPool(owned, config.databaseUrl, { max: 2 })
  const db = createReadDatabase<ApiKeysTables & KeyTables>(pool)
  const { store } = await openLog({
    ...{ config, db, owned, now },
    ...{ logger: silent, metrics: noMetrics },
  })
  await waitForDependency('The event store', silent, () => store.head(), PATIENCE_MS)
  let file: string | undefined
  const show = async ({ keyId, key }: { readonly keyId: string; readonly key: string }) => {
    file = path.join(dataDirectory, `api-key-${keyId}`)
    await keepSecretFile(file, () => key)
  }
  try {
    const { keyId, position } = await recoverKey({ store, apiKeys, now, show }, tenantId)
    const freshness = owned.use('read freshness', createReadFreshness({ pool }))
    const inEffect = await works(db, freshness, keyId, position)
    return { keyId, file: file ?? '', inEffect }
  } catch (error) {
    if (file !== undefined) await rm(file, { force: true })
    throw error
  }
}

/** Another one than the program's would make keys that it refuses. */
async function pepperOf(dataDirectory: string): Promise<string> {
  try {
    await access(path.join(dataDirectory, 'key-pepper'))
  } catch {
    throw new StartError(
      `No Tidemark has run on ${dataDirectory}: set DATA_DIR to the directory that it uses.`,
    )
  }
  return await keepPepper(dataDirectory)
}

async function works(
  db: Kysely<ApiKeysTables>,
  freshness: ReadFreshness,
  keyId: string,
  position: Position,
): Promise<boolean> {
  if (!(await freshness.waitFor(position, PATIENCE_MS, [keyRows.name]))) return false
  return (await findKeyOfAnyTenant(db, keyId)) !== undefined
}
