import type { Kysely, Selectable } from 'kysely'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { RuleActionEvent, RulesEvent } from '../../domain/rules/events.ts'
import type { ReadModel } from '../kernel/read-model.ts'

// What each rule said about each event that it was asked about, and what became of what it owed.

type RulesEvaluated = Extract<RulesEvent, { readonly type: 'RulesEvaluated' }>['data']
type Verdict = RulesEvaluated['rules'][number]
type OwedAction = NonNullable<Verdict['actions']>[number]

export interface RuleEvaluationsTables {
  rule_evaluations: {
    tenant_id: string
    evaluation_id: string
    rule_id: string
    version: number
    /** The event that was evaluated. */
    event_id: string
    event_type: string
    subject: string
    depth: number
    verdict: Verdict['verdict']
    reason: string | null
    /** What a match read. */
    values_read: NonNullable<Verdict['values']>
    position: bigint
    evaluated_at: Date | string
  }
  rule_actions: {
    tenant_id: string
    evaluation_id: string
    rule_id: string
    index: number
    version: number
    action: string
    parameters: OwedAction['parameters']
    status: 'owed' | 'succeeded' | 'failed' | 'skipped'
    attempts: number
    code: string | null
    cause: string | null
    result: Readonly<Record<string, unknown>> | null
    retry_at: Date | string | null
    position: bigint
    changed_at: Date | string
  }
}

export type RuleEvaluationRow = Selectable<RuleEvaluationsTables['rule_evaluations']>
export type RuleActionRow = Selectable<RuleEvaluationsTables['rule_actions']>

export const ruleEvaluations: ReadModel<RulesEvent, RuleEvaluationsTables> = {
  name: 'rule-evaluations',
  version: 1,
  keys: {
    rule_evaluations: ['tenant_id', 'evaluation_id', 'rule_id'],
    rule_actions: ['tenant_id', 'evaluation_id', 'rule_id', 'index'],
  },
  changes: {
    RulesEvaluated: ({ data }, meta) =>
      data.rules.flatMap((rule) => [
        evaluationRow(data, rule, meta),
        ...(rule.actions ?? []).map((action, index) => actionRow(rule, action, index, meta)),
      ]),
    RuleActionSucceeded: ({ data }, { tenantId }) => [
      {
        table: 'rule_actions',
        at: keyOf(data, data.index, tenantId),
        patch: {
          status: 'succeeded',
          attempts: data.attempt,
          ...{ code: null, cause: null, retry_at: null },
          result: data.result,
          changed_at: data.succeededAt,
        },
      },
    ],
    RuleActionFailed: ({ data }, { tenantId }) => [
      {
        table: 'rule_actions',
        at: keyOf(data, data.index, tenantId),
        patch: {
          status: data.retryAt === undefined ? 'failed' : 'owed',
          attempts: data.attempt,
          code: data.code,
          cause: data.cause,
          retry_at: data.retryAt ?? null,
          changed_at: data.failedAt,
        },
      },
      ...(data.skipped ?? []).map((index) => ({
        table: 'rule_actions' as const,
        at: keyOf(data, index, tenantId),
        patch: { status: 'skipped' as const, changed_at: data.failedAt },
      })),
    ],
  },
}

function keyOf({ evaluationId, ruleId }: RuleActionEvent['data'], index: number, tenantId: string) {
  return { tenant_id: tenantId, evaluation_id: evaluationId, rule_id: ruleId, index }
}

function evaluationRow(data: RulesEvaluated, rule: Verdict, meta: EventMeta) {
  return {
    table: 'rule_evaluations' as const,
    put: {
      tenant_id: meta.tenantId,
      evaluation_id: meta.eventId,
      rule_id: rule.ruleId,
      version: rule.version,
      event_id: data.eventId,
      event_type: data.eventType,
      subject: data.subject,
      depth: data.depth,
      verdict: rule.verdict,
      reason: rule.reason ?? null,
      values_read: rule.values ?? [],
      position: meta.position,
      evaluated_at: meta.time,
    },
  }
}

function actionRow(rule: Verdict, action: OwedAction, index: number, meta: EventMeta) {
  return {
    table: 'rule_actions' as const,
    put: {
      tenant_id: meta.tenantId,
      evaluation_id: meta.eventId,
      rule_id: rule.ruleId,
      index,
      version: rule.version,
      action: action.kind === 'command' ? action.command : 'webhook',
      parameters: action.parameters,
      status: 'owed' as const,
      attempts: 0,
      ...{ code: null, cause: null, result: null, retry_at: null },
      position: meta.position,
      changed_at: meta.time,
    },
  }
}

export type EvaluationFilter = {
  readonly ruleId: string
  readonly verdict?: string | undefined
  readonly eventId?: string | undefined
  /** Position, exclusive: those that were recorded before it. */
  readonly before?: bigint | undefined
  readonly limit: number
}

/** Newest first. */
export function evaluationsOf(
  db: Kysely<RuleEvaluationsTables>,
  tenantId: string,
  { ruleId, verdict, eventId, before, limit }: EvaluationFilter,
): Promise<RuleEvaluationRow[]> {
  let query = db
    .selectFrom('rule_evaluations')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('rule_id', '=', ruleId)
  if (verdict !== undefined) query = query.where('verdict', '=', verdict as Verdict['verdict'])
  if (eventId !== undefined) query = query.where('event_id', '=', eventId)
  if (before !== undefined) query = query.where('position', '<', before)
  return query.orderBy('position', 'desc').limit(limit).execute()
}

/** What rules said about one event, in no particular order. */
export function evaluationsOfEvent(
  db: Kysely<RuleEvaluationsTables>,
  tenantId: string,
  eventId: string,
  limit: number,
): Promise<RuleEvaluationRow[]> {
  return db
    .selectFrom('rule_evaluations')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('event_id', '=', eventId)
    .orderBy('rule_id')
    .limit(limit)
    .execute()
}

/** Newest first; those of one evaluation in order. @param before position and index, exclusive. */
export function actionsOf(
  db: Kysely<RuleEvaluationsTables>,
  tenantId: string,
  {
    ruleId,
    status,
    before,
    limit,
  }: {
    readonly ruleId: string
    readonly status?: RuleActionRow['status'] | undefined
    readonly before?: readonly [bigint, number] | undefined
    readonly limit: number
  },
): Promise<RuleActionRow[]> {
  let query = db
    .selectFrom('rule_actions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('rule_id', '=', ruleId)
  if (status !== undefined) query = query.where('status', '=', status)
  if (before !== undefined) {
    const [position, index] = before
    query = query.where((on) =>
      on.or([
        on('position', '<', position),
        on.and([on('position', '=', position), on('index', '>', index)]),
      ]),
    )
  }
  return query.orderBy('position', 'desc').orderBy('index').limit(limit).execute()
}
