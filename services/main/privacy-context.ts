import { erasureRoutes } from '../privacy/erasure-routes.ts'
import { runPrivacyReactor } from '../privacy/reactor.ts'
import { rotationRoutes } from '../privacy/rotation-routes.ts'
import type { Context, Platform } from './platform.ts'

/** Personal data: erasing it, and the keys that it and secrets are encrypted with. */
export function composePrivacy(platform: Platform): Context {
  const { bus, db, freshness, keys, logger, now, store } = platform
  const erasure = { store, keys: keys.subjectKeys, now }
  const rotation = { store, rotation: keys.rotation, now }
  return {
    routes: [
      { role: 'api', plugin: erasureRoutes({ ...erasure, db, freshness }) },
      { role: 'api', plugin: rotationRoutes(rotation) },
    ],
    parts: [
      {
        role: 'reactors',
        name: 'privacy reactor',
        run: (signal) => runPrivacyReactor({ ...erasure, ...rotation, bus, logger }, signal),
      },
    ],
  }
}
