import { type UsageTables, usage } from './analytics/usage.ts'
import { type CausesTables, causes } from './audit/causes.ts'
import { type QuarantinesTables, quarantines } from './gateway/quarantines.ts'
import { type ServerProcessesTables, serverProcesses } from './gateway/server-processes.ts'
import { type ApiKeysTables, apiKeys } from './identity/api-keys.ts'
import { type TenantsTables, tenants } from './identity/tenants.ts'
import { type InstallationsTables, installations } from './installer/installations.ts'
import type { AnyReadModel } from './kernel/read-model.ts'
import { type ErasuresTables, erasures } from './privacy/erasures.ts'
import { catalogue } from './registry/catalogue.ts'
import type { CatalogueTables } from './registry/catalogue-tables.ts'
import { type SourcesTables, sources } from './registry/sources.ts'
import { type RuleEvaluationsTables, ruleEvaluations } from './rules/rule-evaluations.ts'
import { type RulesTables, rules } from './rules/rules.ts'
import { type WebhooksTables, webhooks } from './webhooks/webhooks.ts'
import { type WorkflowRunsTables, workflowRuns } from './workflows/workflow-runs.ts'
import { type WorkflowsTables, workflows } from './workflows/workflows.ts'

// A new read model is one line in each of the two lists below, beside its own file, its
// migration and its test:
//   export type Tables = InstallationsTables & CatalogueTables
//   export const readModels = [installations, catalogue] as const satisfies readonly AnyReadModel[]

/** Every table that a read model owns. */
export type Tables = InstallationsTables &
  CatalogueTables &
  SourcesTables &
  ApiKeysTables &
  TenantsTables &
  ServerProcessesTables &
  QuarantinesTables &
  UsageTables &
  ErasuresTables &
  WebhooksTables &
  WorkflowsTables &
  CausesTables &
  RulesTables &
  RuleEvaluationsTables &
  WorkflowRunsTables

/** Every read model that the projector runs. */
export const readModels = [
  installations,
  apiKeys,
  tenants,
  serverProcesses,
  quarantines,
  usage,
  sources,
  catalogue,
  erasures,
  webhooks,
  workflows,
  workflowRuns,
  causes,
  rules,
  ruleEvaluations,
] as const satisfies readonly AnyReadModel[]
