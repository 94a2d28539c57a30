import type { PlatformCommand } from '../kernel/platform-command.ts'
import { prepareToParse } from '../workflows/parse-document.ts'
import { workflowRoutes } from '../workflows/routes.ts'
import type { Context, Platform } from './platform.ts'

/** What workflows are; what runs of them do is a context's part of its own. */
export function composeWorkflowDefinitions(
  { config, db, now, store }: Platform,
  commands: readonly PlatformCommand[],
): Context {
  if (config.roles.has('api')) prepareToParse()
  const names = new Set(commands.map(({ name }) => name))
  return {
    routes: [{ role: 'api', plugin: workflowRoutes({ events: store, db, commands: names, now }) }],
    parts: [],
  }
}
