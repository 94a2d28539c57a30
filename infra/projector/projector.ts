import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../services/ports/logger.ts'
import { backoff } from '../backoff.ts'
import { holdLease } from '../postgres/lease.ts'
import { createReadDatabase } from '../postgres/pool.ts'
import { FencedError } from './checkpoints.ts'
import { LIVE_SCHEMA } from './live-schema.ts'
import { measureLag } from './measure-lag.ts'
import { type ProjectorDeps, runSession } from './session.ts'

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 10_000

export type Projector = {
  /** Projects until `signal` aborts; resolves when the last transaction is over. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/**
 * Keeps the read models up to date with the log. Any number of processes may run one: a lease
 * lets one work and the others stand by, and the compare-and-set of the checkpoints keeps two
 * that both believe to hold it from doing harm.
 */
export function createProjector(deps: ProjectorDeps): Projector {
  const { pool, logger, schema = LIVE_SCHEMA } = deps
  return {
    async run(signal) {
      const db = createReadDatabase<unknown>(pool)
      const measuring = measureLag(deps, db, schema, signal)
      let failures = 0
      const succeeded = () => {
        failures = 0
      }
      while (!signal.aborted) {
        try {
          await holdLease({ pool, name: `projector ${schema}`, signal, logger }, async (held) => {
            while (!held.aborted) await runSession({ ...deps, db, schema, signal: held, succeeded })
          })
        } catch (error) {
          failures += 1
          report(logger, error)
          await delay(backoff(failures, RETRY_MIN_MS, RETRY_MAX_MS), undefined, { signal }).catch(
            () => {},
          )
        }
      }
      await measuring
    },
  }
}

function report(logger: Logger, error: unknown): void {
  if (error instanceof FencedError) logger.info({ err: error }, 'projector gives way')
  else logger.warn({ err: error }, 'projector is interrupted')
}
