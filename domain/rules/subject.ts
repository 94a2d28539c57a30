import { isCustomType } from '../custom/events.ts'
import type { RuleEvent } from './rule-event.ts'

// Whom an event is about. Facts and windows are kept for each subject.

export type SubjectKind =
  | 'installation'
  | 'service'
  | 'server'
  | 'source'
  | 'key'
  | 'webhook'
  | 'person'
  | 'read-model'
  | 'workflow'
  | 'run'
  | 'rule'
  | 'custom'
  | 'tenant'

export type Subject = { readonly kind: SubjectKind; readonly id: string }

/** The fields of the data that make up the id, joined with `/`. */
type SubjectPath = { readonly kind: SubjectKind; readonly fields: readonly string[] }

const TENANT: SubjectPath = { kind: 'tenant', fields: [] }
const INSTALLATION: SubjectPath = { kind: 'installation', fields: ['installationId'] }
const SERVICE: SubjectPath = { kind: 'service', fields: ['sourceId', 'name'] }
const SOURCE: SubjectPath = { kind: 'source', fields: ['sourceId'] }
const KEY: SubjectPath = { kind: 'key', fields: ['keyId'] }
const WORKFLOW: SubjectPath = { kind: 'workflow', fields: ['namespace', 'name'] }
const RUN: SubjectPath = { kind: 'run', fields: ['runId'] }
const WEBHOOK: SubjectPath = { kind: 'webhook', fields: ['webhookId'] }
const PERSON: SubjectPath = { kind: 'person', fields: ['subjectId'] }
const RULE: SubjectPath = { kind: 'rule', fields: ['ruleId'] }
const READ_MODEL: SubjectPath = { kind: 'read-model', fields: ['readModel'] }

/** Of an event of a tenant's own type; it names its subject itself, or has none. */
const CUSTOM: SubjectPath = { kind: 'custom', fields: [] }

/** `nobody`: rules do not listen to it, because it is what they do themselves. */
const SUBJECTS: Readonly<Record<string, SubjectPath | 'nobody'>> = {
  TenantCreated: TENANT,
  CatalogueVisibilityChanged: TENANT,
  ApiKeyIssued: KEY,
  ApiKeyRevoked: KEY,
  RegistrySourceAdded: SOURCE,
  RegistrySourceRemoved: SOURCE,
  RegistrySyncStarted: SOURCE,
  RegistrySyncCompleted: SOURCE,
  RegistrySyncFailed: SOURCE,
  CatalogueEntryAdded: SERVICE,
  CatalogueEntryChanged: SERVICE,
  CatalogueEntryRemoved: SERVICE,
  InstallationRequested: INSTALLATION,
  InstallationStageStarted: INSTALLATION,
  InstallationStageCompleted: INSTALLATION,
  ServerInstalled: INSTALLATION,
  InstallationFailed: INSTALLATION,
  UpdateFound: INSTALLATION,
  ServerUpdateRequested: INSTALLATION,
  RollbackPointCreated: INSTALLATION,
  ServerUpdated: INSTALLATION,
  ServerUpdateFailed: INSTALLATION,
  InstallationRolledBack: INSTALLATION,
  ConfigurationChanged: INSTALLATION,
  SecretStored: INSTALLATION,
  SecretRemoved: INSTALLATION,
  VersionDiscarded: INSTALLATION,
  ServerUninstalled: INSTALLATION,
  ToolCalled: INSTALLATION,
  ServerProcessStarted: INSTALLATION,
  ServerProcessStopped: INSTALLATION,
  ServerQuarantined: INSTALLATION,
  QuarantineLifted: INSTALLATION,
  ToolListChanged: INSTALLATION,
  UsageTracked: { kind: 'server', fields: ['serviceId'] },
  ReadModelRebuildRequested: READ_MODEL,
  ReadModelRebuildCompleted: READ_MODEL,
  ReadModelRebuildFailed: READ_MODEL,
  SubjectErasureRequested: PERSON,
  SubjectErased: PERSON,
  KeyRotationStarted: TENANT,
  DataKeyRotated: TENANT,
  KeyRotationCompleted: TENANT,
  WorkflowDefined: WORKFLOW,
  WorkflowRevised: WORKFLOW,
  WorkflowEnabled: WORKFLOW,
  WorkflowDisabled: WORKFLOW,
  WorkflowRemoved: WORKFLOW,
  WorkflowSecretStored: TENANT,
  WorkflowSecretRemoved: TENANT,
  WorkflowRunStarted: RUN,
  TaskStarted: RUN,
  TaskSkipped: RUN,
  TaskCompleted: RUN,
  TaskFaulted: RUN,
  TaskRetryScheduled: RUN,
  TaskCancelled: RUN,
  TimerFired: RUN,
  EventReceived: RUN,
  ListenItemCompleted: RUN,
  ApprovalRequested: RUN,
  ApprovalGiven: RUN,
  ApprovalRefused: RUN,
  RunSuspended: RUN,
  RunResumed: RUN,
  RunCancelRequested: RUN,
  RunRetried: RUN,
  CompensationStarted: RUN,
  CompensationCompleted: RUN,
  RunCompleted: RUN,
  RunFaulted: RUN,
  RunCancelled: RUN,
  WebhookRegistered: WEBHOOK,
  WebhookChanged: WEBHOOK,
  WebhookPaused: WEBHOOK,
  WebhookResumed: WEBHOOK,
  WebhookDisabled: WEBHOOK,
  WebhookSecretRotated: WEBHOOK,
  WebhookReplayRequested: WEBHOOK,
  WebhookRemoved: WEBHOOK,
  WebhookDeliveryParked: WEBHOOK,
  CustomEventTypeRegistered: { kind: 'custom', fields: ['name'] },
  // Rules listen to custom.<Name>.
  CustomEventEmitted: 'nobody',
  RuleDefined: RULE,
  RuleRevised: RULE,
  RuleEnabled: RULE,
  RuleDisabled: RULE,
  RuleRemoved: RULE,
  RuleSuspended: RULE,
  RuleResumed: RULE,
  RulesEvaluated: 'nobody',
  RuleActionSucceeded: 'nobody',
  RuleActionFailed: 'nobody',
}

/** @returns undefined for a type that rules cannot listen to. */
export function subjectKindOf(type: string): SubjectKind | undefined {
  return pathOf(type)?.kind
}

/** @returns undefined for an event that rules do not listen to. */
export function subjectOf({ type, data, subject }: RuleEvent): Subject | undefined {
  const path = pathOf(type)
  if (path === undefined) return undefined
  const id = subject ?? path.fields.map((field) => data[field] ?? '').join('/')
  return { kind: path.kind, id: id === '' ? 'tenant' : id }
}

function pathOf(type: string): SubjectPath | undefined {
  if (isCustomType(type)) return CUSTOM
  const path = Object.hasOwn(SUBJECTS, type) ? SUBJECTS[type] : undefined
  return path === 'nobody' ? undefined : path
}

/** Whether the table has an answer for the type, if only that rules do not listen to it. */
export function isDecidedOn(type: string): boolean {
  return Object.hasOwn(SUBJECTS, type)
}
