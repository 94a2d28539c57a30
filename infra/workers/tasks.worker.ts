import {
  type UsageDay,
  type UsageReport,
  usageReport,
} from '../../domain/analytics/usage-report.ts'

// Each export is a task, by its name. What it gets and gives is structured-cloned.

export function summariseUsage(usage: readonly UsageDay[]): UsageReport {
  return usageReport(usage)
}
