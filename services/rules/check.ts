import type { Kysely } from 'kysely'
import type { RuleSettings } from '../../domain/rules/rule-settings.ts'
import { findWebhook, type WebhooksTables } from '../../projections/webhooks/webhooks.ts'
import type { Actor } from '../kernel/actor.ts'
import type { PlatformCommand, PlatformCommands } from '../kernel/platform-command.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import { requireParameters } from './check-parameters.ts'
import { compileForAuthor } from './compile-for-author.ts'

export type CheckDeps = {
  readonly store: Pick<EventStore, 'readStream'>
  readonly commands: PlatformCommands
  readonly db: Kysely<WebhooksTables>
}

/** What it takes to let a rule call a webhook: what it takes to register one. */
const WEBHOOK_SCOPE = 'operations:write'

/**
 * @throws {ProblemError} 422 `rule-condition-invalid` for CEL that does not compile, `unknown-command`,
 *   `rule-parameters-invalid`, `webhook-not-found`; 403 `scope-not-held` for an action that its author may not take.
 */
export async function requireRule(
  deps: CheckDeps,
  settings: RuleSettings,
  actor: Actor,
): Promise<void> {
  const { actions } = await compileForAuthor(deps.store, actor.tenantId, settings, '/body')
  for (const [index, each] of actions.entries()) {
    const { action } = each
    if (action.kind === 'command')
      requireParameters(requireCommand(deps, action.command, index, actor), each, index)
    else await requireWebhook(deps, action.webhookId, index, actor)
  }
}

function requireCommand(
  { commands }: CheckDeps,
  name: string,
  index: number,
  { scopes }: Actor,
): PlatformCommand {
  const command = commands.get(name)
  if (command === undefined)
    throw problem(422, 'unknown-command', `There is no command "${name}".`, [
      {
        pointer: `/body/actions/${index}/command`,
        detail: `must be one of ${[...commands.keys()].join(', ')}`,
      },
    ])
  if (!scopes.includes(command.access)) throw notHeld(command.access, `the command "${name}"`)
  return command
}

async function requireWebhook(
  { db }: CheckDeps,
  webhookId: string,
  index: number,
  { tenantId, scopes }: Actor,
): Promise<void> {
  if (!scopes.includes(WEBHOOK_SCOPE)) throw notHeld(WEBHOOK_SCOPE, 'calling a webhook')
  if ((await findWebhook(db, tenantId, webhookId)) !== undefined) return
  throw problem(422, 'webhook-not-found', `There is no webhook "${webhookId}".`, [
    { pointer: `/body/actions/${index}/webhookId`, detail: 'must be a webhook of this tenant' },
  ])
}

function notHeld(scope: string, what: string) {
  return problem(403, 'scope-not-held', `Only a key with "${scope}" can have a rule for ${what}.`)
}
