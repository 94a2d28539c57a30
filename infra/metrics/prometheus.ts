import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Metrics } from '../../services/ports/metrics.ts'

const FAST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SLOW_SECONDS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

export type PrometheusMetrics = Metrics & {
  readonly expose: () => Promise<{ readonly contentType: string; readonly text: string }>
}

/** One registry of its own, so that two instances in a process do not share counts. */
export function createPrometheusMetrics(): PrometheusMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const { counter, gauge, histogram } = instruments(registry)

  const commands = histogram('commands_seconds', 'Commands by outcome.', ['command', 'outcome'])
  const appendedEvents = counter('appended_events_total', 'Events appended to the log.', [])
  const appends = histogram('appends_seconds', 'Appends to the log.', [])
  const projectorPosition = gauge('projector_position', 'Position reached.', ['read_model'])
  const projectorLag = gauge('projector_lag_events', 'Events behind the log.', ['read_model'])
  const parked = counter('parked_events_total', 'Events that could not be projected.', [
    'read_model',
  ])
  const relayPosition = gauge('relay_position', 'Position reached.', [])
  const relayLag = gauge('relay_lag_events', 'Events behind the log.', [])
  const relayFailing = gauge('relay_failing', '1 while the relay cannot publish.', [])
  const relayRefills = counter('relay_refills_total', 'Times the bus held another log.', [])
  const syncs = histogram('syncs_seconds', 'Registry syncs.', ['outcome'], SLOW_SECONDS)
  const syncChanges = counter('sync_changes_total', 'Changes that syncs recorded.', [])
  const installs = histogram('installs_seconds', 'Installs and updates.', ['outcome'], SLOW_SECONDS)
  const calls = histogram('tool_calls_seconds', 'Tool calls.', ['outcome'])
  const callsLost = counter('tool_calls_lost_total', 'Tool calls that were not recorded.', [])
  const processes = gauge('server_processes', 'MCP server processes that run.', [])
  const webhookCalls = histogram('webhook_calls_seconds', 'Calls of webhooks.', ['outcome'])
  const webhooksParked = counter('webhook_parked_total', 'Deliveries that were given up.', [])
  const webhooksOwed = gauge('webhook_owed_deliveries', 'Deliveries that are to be made.', [])
  const webhooksOldest = gauge('webhook_oldest_owed_seconds', 'Age of the oldest of them.', [])
  const workflowRuns = gauge('workflow_runs', 'Runs of workflows.', ['status'])
  const workflowSteps = histogram('workflow_steps_seconds', 'Effects of workflow runs.', ['kind'])
  const timerLag = histogram('workflow_timer_lag_seconds', 'How late timers of runs fire.', [])
  const ruleVerdicts = counter('rule_verdicts_total', 'What rules said about events.', ['verdict'])
  const ruleActions = histogram('rule_actions_seconds', 'Attempts of what rules owe.', ['outcome'])
  const rules = gauge('rules', 'Rules in memory.', [])
  const ruleWindows = gauge('rule_windows', 'Windows over the log that rules share.', [])
  const ruleSlots = gauge('rule_window_slots', 'Counters that these windows are made of.', [])
  const requests = histogram('http_requests_seconds', 'HTTP requests.', [
    'method',
    'route',
    'status',
  ])

  return {
    commandHandled: (command, outcome, seconds) => commands.observe({ command, outcome }, seconds),
    appended(events, seconds) {
      appendedEvents.inc(events)
      appends.observe(seconds)
    },
    projectorAt(readModel, position, lagEvents) {
      projectorPosition.set({ read_model: readModel }, Number(position))
      projectorLag.set({ read_model: readModel }, lagEvents)
    },
    eventParked: (readModel) => parked.inc({ read_model: readModel }),
    relayAt(position, lagEvents) {
      relayPosition.set(Number(position))
      relayLag.set(lagEvents)
    },
    relayFailing: (failing) => relayFailing.set(failing ? 1 : 0),
    relayRefills: () => relayRefills.inc(),
    syncFinished(outcome, changes, seconds) {
      syncs.observe({ outcome }, seconds)
      syncChanges.inc(changes)
    },
    installFinished: (outcome, seconds) => installs.observe({ outcome }, seconds),
    toolCalled: (outcome, seconds) => calls.observe({ outcome }, seconds),
    callsLost: (lost) => callsLost.inc(lost),
    serverProcesses: (running) => processes.set(running),
    workflowRuns: (status, count) => workflowRuns.set({ status }, count),
    webhookCalled: (outcome, seconds) => webhookCalls.observe({ outcome }, seconds),
    webhookParked: () => webhooksParked.inc(),
    webhooksOwe(deliveries, oldestSeconds) {
      webhooksOwed.set(deliveries)
      webhooksOldest.set(oldestSeconds)
    },
    workflowStep: (kind, seconds) => workflowSteps.observe({ kind }, seconds),
    workflowTimerFired: (lagSeconds) => timerLag.observe(lagSeconds),
    ruleAsked: (verdict) => ruleVerdicts.inc({ verdict }),
    ruleActed: (outcome, seconds) => ruleActions.observe({ outcome }, seconds),
    rulesKept(sizes) {
      rules.set(sizes.rules)
      ruleWindows.set(sizes.windows)
      ruleSlots.set(sizes.slots)
    },
    requestServed: (method, route, status, seconds) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

function instruments(registry: Registry) {
  const registers = [registry]
  const named = (name: string, help: string, labelNames: string[]) => ({
    name: `tidemark_${name}`,
    help,
    labelNames,
    registers,
  })
  return {
    counter: (name: string, help: string, labels: string[]) =>
      new Counter(named(name, help, labels)),
    gauge: (name: string, help: string, labels: string[]) => new Gauge(named(name, help, labels)),
    histogram: (name: string, help: string, labels: string[], buckets = FAST_SECONDS) =>
      new Histogram({ ...named(name, help, labels), buckets }),
  }
}
