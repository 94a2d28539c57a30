import { erasureRoutes } from '../privacy/erasure-routes.ts'
import { runPrivacyReactor } from '../privacy/reactor.ts'
import type { Context, Platform } from './platform.ts'

/** Personal data: erasing it, and the keys that it is encrypted with. */
export function composePrivacy({ bus, db, freshness, keys, now, store }: Platform): Context {
  const erasure = { store, keys: keys.subjectKeys, now }
  return {
    routes: [{ role: 'api', plugin: erasureRoutes({ ...erasure, db, freshness }) }],
    parts: [
      {
        role: 'reactors',
        name: 'privacy reactor',
        run: (signal) => runPrivacyReactor({ ...erasure, bus }, signal),
      },
    ],
  }
}
