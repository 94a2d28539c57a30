import type { LeaseTiming } from '../../infra/postgres/lease-session.ts'

/** For tests that wait until a holder that stands still has lost it. */
export const SHORT: LeaseTiming = { standbyMs: 50, heartbeatMs: 300, silenceMs: 1_500 }
