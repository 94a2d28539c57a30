import { RESTART_POLICY, type RestartPolicy } from '../../domain/gateway/restart-policy.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

export type SupervisionSettings = {
  /** From the start of a process to the end of its initialization. */
  readonly startTimeoutMs: number
  /** Without a call for so long it is stopped. */
  readonly idleMs: number
  /** How often a server is asked whether it is alive while it has nothing to do. */
  readonly healthEveryMs: number
  readonly healthTimeoutMs: number
  /** How long a replaced server may finish the calls that it has. */
  readonly drainMs: number
  /** Calls at the same time to one server; more are refused. */
  readonly maxInFlight: number
  /** How often idleness, health and draining are looked at. */
  readonly sweepMs: number
  readonly restart: RestartPolicy
}

export const SUPERVISION: SupervisionSettings = {
  startTimeoutMs: 30 * SECOND,
  idleMs: 5 * MINUTE,
  healthEveryMs: 30 * SECOND,
  healthTimeoutMs: 5 * SECOND,
  drainMs: 30 * SECOND,
  maxInFlight: 1_000,
  sweepMs: SECOND,
  restart: RESTART_POLICY,
}
