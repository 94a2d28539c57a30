import type { Static } from 'typebox'
import type { RuleActionRow, RuleEvaluationRow } from '../../projections/rules/rule-evaluations.ts'
import type { RuleRow, RuleVersionRow } from '../../projections/rules/rules.ts'
import type { ActionView, EvaluationView, RuleDetail, RuleView } from './schemas.ts'

export function ruleView(row: RuleRow): Static<typeof RuleView> {
  const { rule_id: ruleId, version, status, reason, author, changed_at, settings } = row
  return {
    ...{ ruleId, version, status, author, settings },
    ...(reason === null ? {} : { reason }),
    changedAt: isoOf(changed_at),
  }
}

export function ruleDetail(
  row: RuleRow,
  versions: readonly RuleVersionRow[],
): Static<typeof RuleDetail> {
  return {
    ...ruleView(row),
    versions: versions.map(({ version, author, revised_at, settings }) => ({
      ...{ version, author, settings },
      revisedAt: isoOf(revised_at),
    })),
  }
}

export function evaluationView(row: RuleEvaluationRow): Static<typeof EvaluationView> {
  const { evaluation_id: evaluationId, rule_id: ruleId, version, depth, verdict, reason } = row
  return {
    ...{ evaluationId, ruleId, version, depth, verdict },
    event: { id: row.event_id, type: row.event_type, subject: row.subject },
    ...(reason === null ? {} : { reason }),
    values: row.values_read,
    evaluatedAt: isoOf(row.evaluated_at),
    position: row.position.toString(),
  }
}

export function actionView(row: RuleActionRow): Static<typeof ActionView> {
  const { evaluation_id: evaluationId, version, index, action, parameters, status } = row
  const { attempts, code, cause, result, retry_at } = row
  return {
    ...{ evaluationId, version, index, action, parameters, status, attempts },
    ...(code === null ? {} : { code }),
    ...(cause === null ? {} : { cause }),
    ...(result === null ? {} : { result }),
    ...(retry_at === null ? {} : { retryAt: isoOf(retry_at) }),
    changedAt: isoOf(row.changed_at),
  }
}

function isoOf(at: Date | string): string {
  return new Date(at).toISOString()
}
