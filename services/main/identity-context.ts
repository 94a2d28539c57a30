import path from 'node:path'
import { createApiKeys } from '../../infra/crypto/api-key.ts'
import { keepPepper, keepSecretFile } from '../../infra/crypto/secret-file.ts'
import { createAuthenticator } from '../identity/authenticator.ts'
import { bootstrap } from '../identity/bootstrap.ts'
import { identityRoutes } from '../identity/routes.ts'
import type { Authenticator } from '../kernel/authentication.ts'
import type { Position } from '../ports/event-store.ts'
import type { Context, Platform } from './platform.ts'

export type Identity = Context & {
  readonly authenticator: Authenticator
  /** From here on the first key works. */
  readonly firstKeyAt: Position
}

/** Opens the first door: the default tenant and its first key, in a file of the data directory. */
export async function composeIdentity(platform: Platform): Promise<Identity> {
  const { config, db, freshness, now, store } = platform
  const apiKeys = createApiKeys(await keepPepper(config.dataDirectory))
  const firstKeyAt = await bootstrap({
    store,
    apiKeys,
    now,
    showFirstKey: (create) => keepSecretFile(firstKeyFile(config.dataDirectory), create),
    catalogue: config.publicCatalogue ? 'public' : 'private',
  })
  return {
    authenticator: createAuthenticator({ db, apiKeys, now }),
    firstKeyAt,
    routes: [{ role: 'api', plugin: identityRoutes({ store, db, apiKeys, freshness, now }) }],
    parts: [],
  }
}

function firstKeyFile(dataDirectory: string): string {
  return path.join(dataDirectory, 'first-api-key')
}
