import type { CallOutcome } from '../../domain/gateway/events.ts'
import type { RulesEvaluated } from '../../domain/rules/evaluation.ts'
import type { Position } from './event-store.ts'

/** What the system measures about itself, one method a fact. Durations are in seconds. */
export interface Metrics {
  /** A command was decided and, when accepted, appended. */
  commandHandled(
    command: string,
    outcome: 'accepted' | 'rejected' | 'failed',
    seconds: number,
  ): void
  appended(events: number, seconds: number): void
  projectorAt(readModel: string, position: Position, lagEvents: number): void
  eventParked(readModel: string): void
  /** `lagEvents` is negative when the bus is beyond the end of the log: it was filled from another one. */
  relayAt(position: Position, lagEvents: number): void
  relayFailing(failing: boolean): void
  /** The bus held another log's events, was emptied and is filled anew. */
  relayRefills(): void
  syncFinished(outcome: 'completed' | 'failed', changes: number, seconds: number): void
  installFinished(outcome: 'installed' | 'updated' | 'failed', seconds: number): void
  toolCalled(outcome: CallOutcome, seconds: number): void
  /** They were answered and will never be in the log. */
  callsLost(calls: number): void
  serverProcesses(running: number): void
  /** @param outcome `delivered`, or in one word what went wrong. */
  webhookCalled(outcome: string, seconds: number): void
  webhookParked(): void
  /** `oldestSeconds` is 0 when nothing is owed. */
  webhooksOwe(deliveries: number, oldestSeconds: number): void
  /** Runs of workflows, by what they do or how they ended. */
  workflowRuns(
    status: 'running' | 'ending' | 'suspended' | 'completed' | 'faulted' | 'cancelled',
    count: number,
  ): void
  /** An effect of a workflow's run came to an end, whatever its outcome. */
  workflowStep(kind: 'call' | 'emit' | 'run', seconds: number): void
  /** How long after its time a timer of a run fired. */
  workflowTimerFired(lagSeconds: number): void
  /** A rule was asked about an event. */
  ruleAsked(verdict: RulesEvaluated['rules'][number]['verdict']): void
  /** One attempt of an action that a rule owes. */
  ruleActed(outcome: 'succeeded' | 'failed' | 'retried', seconds: number): void
  /** What the rules of all tenants have in memory. */
  rulesKept(sizes: {
    readonly rules: number
    readonly windows: number
    readonly slots: number
  }): void
  /** @param route the route's pattern, never the path that was asked for. */
  requestServed(method: string, route: string, status: number, seconds: number): void
}

/** For tests and tools that measure nothing. */
export const noMetrics: Metrics = {
  commandHandled() {},
  appended() {},
  projectorAt() {},
  eventParked() {},
  relayAt() {},
  relayFailing() {},
  relayRefills() {},
  syncFinished() {},
  installFinished() {},
  toolCalled() {},
  callsLost() {},
  serverProcesses() {},
  webhookCalled() {},
  webhookParked() {},
  webhooksOwe() {},
  workflowRuns() {},
  workflowStep() {},
  workflowTimerFired() {},
  ruleAsked() {},
  ruleActed() {},
  rulesKept() {},
  requestServed() {},
}
