import {
  type UsageDay,
  type UsageReport,
  usageReport,
} from '../../domain/analytics/usage-report.ts'
import type { WhatIfFindings } from '../../domain/rules/what-if.ts'
import type { BeginWhatIf, ContinueWhatIf, EndWhatIf } from '../../domain/rules/what-if-messages.ts'
import * as whatIf from './what-if-sessions.ts'

// Each export is a task, by its name. What it gets and gives is structured-cloned.

export function summariseUsage(usage: readonly UsageDay[]): UsageReport {
  return usageReport(usage)
}

export function beginWhatIf(begin: BeginWhatIf): void {
  whatIf.beginWhatIf(begin)
}

export function continueWhatIf(events: ContinueWhatIf): WhatIfFindings {
  return whatIf.continueWhatIf(events)
}

export function endWhatIf(end: EndWhatIf): void {
  whatIf.endWhatIf(end)
}
