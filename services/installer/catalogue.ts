import type { Kysely } from 'kysely'
import { type EntryWanted, findInstallable } from '../../projections/installer/installable.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { problem } from '../kernel/problem.ts'
import { type Installable, installableOf } from './installable.ts'

/**
 * What the tenant's catalogue has under this name and version.
 *
 * @throws {ProblemError} 404 `unknown-service`, `unknown-version`; 422 when it cannot be installed.
 */
export async function lookUp(
  db: Kysely<CatalogueTables>,
  tenantId: string,
  wanted: EntryWanted,
): Promise<Installable> {
  const found = await findInstallable(db, tenantId, wanted)
  if (found === 'unknown-service')
    throw problem(
      404,
      'unknown-service',
      `The catalogue lists no server "${wanted.name}": search with GET /v1/services/search?q=…`,
    )
  if (found === 'unknown-version')
    throw problem(
      404,
      'unknown-version',
      `The catalogue lists "${wanted.name}", but not version "${wanted.version}".`,
    )
  return installableOf(found)
}
