import type { Static } from 'typebox'
import type { OwedAction, RulesEvaluated } from '../../domain/rules/evaluation.ts'
import type { ActionOwed } from '../../domain/rules/firing.ts'
import { type Author, ruleStream } from '../../domain/rules/rule.ts'
import type { PlatformCommands } from '../kernel/platform-command.ts'
import { ProblemError } from '../kernel/problem.ts'
import type { Standing } from '../kernel/standing.ts'
import type { RuleFired } from '../kernel/webhook-messages.ts'
import type { AppendContext, EventStore, RecordedEvent } from '../ports/event-store.ts'
import { EventStoreUnavailableError } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { WebhookCaller } from '../ports/webhook-caller.ts'

export type ActionDeps = {
  readonly store: EventStore
  readonly commands: PlatformCommands
  readonly standing: Standing
  readonly webhooks: WebhookCaller
  readonly logger: Logger
}

/** What became of one attempt. */
export type Acted =
  | {
      readonly outcome: 'succeeded'
      readonly result: Readonly<Record<string, unknown>>
      readonly stream?: string
    }
  | {
      readonly outcome: 'failed'
      readonly code: string
      readonly cause: string
      /** Whether another attempt may end better. */
      readonly again: boolean
      readonly retryAfterMs?: number
    }

type Cause = Omit<AppendContext, 'actorId'>
type Owing = {
  readonly evaluation: RecordedEvent
  readonly rule: RulesEvaluated['rules'][number]
}

/** An answer asks for a long time at most for this. */
const MAX_RETRY_AFTER_MS = 5 * 60_000

/**
 * Does one action once, in the name of the rule's author.
 *
 * @param id of the action, the same for every attempt.
 * @throws {EventStoreUnavailableError} when the log cannot be used; `AbortError` when `signal` aborts.
 */
export async function perform(
  deps: ActionDeps,
  owing: Owing,
  { action }: ActionOwed,
  id: string,
  cause: Cause,
  signal: AbortSignal,
): Promise<Acted> {
  try {
    return action.kind === 'command'
      ? await command(deps, owing, action, id, cause)
      : await webhook(deps, owing, action, id, signal)
  } catch (error) {
    if (error instanceof EventStoreUnavailableError || signal.aborted) throw error
    if (error instanceof ProblemError) return refused(error)
    deps.logger.error({ err: error, ruleId: owing.rule.ruleId }, 'an action of a rule failed')
    return failed('internal', 'It failed inside; the log of the server says how.', true)
  }
}

async function command(
  { commands, standing, store }: ActionDeps,
  { rule }: Owing,
  { command: name, parameters }: Extract<OwedAction, { readonly kind: 'command' }>,
  commandId: string,
  cause: Cause,
): Promise<Acted> {
  const found = commands.get(name)
  if (found === undefined) return failed('unknown-command', `There is no command "${name}".`, false)
  const author = await authorOf(store, cause.tenantId, rule)
  if (author === undefined || !(await standing.may(cause.tenantId, author, found.access)))
    return failed(
      'author-not-allowed',
      `The rule's author may not do this any more: it takes "${found.access}".`,
      false,
    )
  const context = { ...cause, actorId: author.actorId, commandId }
  const { stream, result } = await found.perform(parameters, context)
  return { outcome: 'succeeded', stream, result }
}

/** In whose name this version of the rule acts. */
async function authorOf(
  store: EventStore,
  tenantId: string,
  { ruleId, version }: Owing['rule'],
): Promise<Author | undefined> {
  for await (const { data } of store.readStream(ruleStream(tenantId, ruleId)))
    if (data.version === version && data.author !== undefined) return data.author as Author
  return undefined
}

async function webhook(
  { webhooks }: ActionDeps,
  { evaluation, rule }: Owing,
  { webhookId, parameters }: Extract<OwedAction, { readonly kind: 'webhook' }>,
  id: string,
  signal: AbortSignal,
): Promise<Acted> {
  const { tenantId, time, correlationId, eventId: causationid } = evaluation
  const { eventId, eventType, subject } = evaluation.data as RulesEvaluated
  const message: Static<typeof RuleFired> = {
    ...{ specversion: '1.0', id, source: '/tidemark/rules', type: 'RuleFired' },
    ...{ subject: rule.ruleId, time, datacontenttype: 'application/json' },
    ...{ tenantid: tenantId, correlationid: correlationId, causationid },
    data: {
      ...{ ruleId: rule.ruleId, version: rule.version },
      event: { id: eventId, type: eventType, subject },
      ...{ values: rule.values ?? [], parameters },
    },
  }
  const call = await webhooks.call({ tenantId, webhookId }, message, signal)
  signal.throwIfAborted()
  if (call.delivered) return { outcome: 'succeeded', result: { status: call.status } }
  const { code, cause, again, retryAfterMs = 0 } = call
  return { ...failed(code, cause, again), retryAfterMs: Math.min(MAX_RETRY_AFTER_MS, retryAfterMs) }
}

function refused({ problem: { status, code, detail } }: ProblemError): Acted {
  return failed(code, detail, status === 409 || status === 429 || status >= 500)
}

function failed(
  code: string,
  cause: string,
  again: boolean,
): Extract<Acted, { outcome: 'failed' }> {
  return { outcome: 'failed', code: code.slice(0, 100), cause: cause.slice(0, 1_000), again }
}
