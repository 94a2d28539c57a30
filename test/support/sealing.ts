import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type pg from 'pg'
import { type KeyRing, openKeyRing } from '../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { PersonalData } from '../../infra/eventstore/personal-data.ts'
import { createSealingStore } from '../../infra/eventstore/sealing-store.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'

type Teardown = { readonly teardown: (remove: () => void) => void }

/** The keys of a migrated database, with root keys in a directory of the test. */
export async function testKeys(t: Teardown, pool: pg.Pool): Promise<KeyRing> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tidemark-keys-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return await openKeyRing(createReadDatabase<KeyTables>(pool), directory)
}

/** The log as those see it who may read personal data. */
export function sealing(log: EventStore, { subjectKeys }: Pick<KeyRing, 'subjectKeys'>) {
  const personal = new PersonalData({ keys: subjectKeys, logger: silent })
  return createSealingStore({ log, personal, logger: silent })
}
