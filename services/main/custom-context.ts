import { customCommands } from '../custom/platform-commands.ts'
import { customRoutes } from '../custom/routes.ts'
import type { Context, Platform } from './platform.ts'

/** Events that tenants define themselves. */
export function composeCustom({ now, store }: Platform): Context {
  const deps = { store, now }
  return {
    routes: [{ role: 'api', plugin: customRoutes(deps) }],
    parts: [],
    commands: customCommands(deps),
  }
}
