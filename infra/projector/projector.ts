import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../../domain/kernel/backoff.ts'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { Logger } from '../../services/ports/logger.ts'
import { FencedError } from '../postgres/fence.ts'
import { holdLeases } from '../postgres/lease.ts'
import { createReadDatabase } from '../postgres/pool.ts'
import { LIVE_SCHEMA } from './live-schema.ts'
import { measureLag } from './measure-lag.ts'
import { type ProjectorDeps, runSession } from './session.ts'
import { establish, upgradeReadModels } from './upgrade.ts'

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 10_000

export type Projector = {
  /** Projects until `signal` aborts; resolves when the last transaction is over. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/**
 * Keeps the read models up to date with the log. Any number of processes may run one, also of
 * different versions of the program: a lease for each read model and version lets one of them work
 * and the others stand by. Each transaction carries the leases' fences, so that one who stood
 * still and believes to hold them writes nothing. A read model whose rows are of an older version
 * is rebuilt meanwhile.
 */
export function createProjector(deps: ProjectorDeps): Projector {
  const { pool, store, logger, readModels, schema = LIVE_SCHEMA } = deps
  const timing = deps.timing === undefined ? {} : { timing: deps.timing }
  const leases = new Map(readModels.map((model) => [leaseOf(schema, model), model]))
  return {
    async run(signal) {
      const db = createReadDatabase<unknown>(pool)
      const measuring = measureLag(deps, db, schema, signal)
      const upgrades = { pool, db, store, logger, schema }
      let upgrading: Promise<void> | undefined
      let failures = 0
      const succeeded = () => {
        failures = 0
      }
      while (!signal.aborted) {
        try {
          await establish(upgrades, readModels)
          upgrading ??= upgradeReadModels(upgrades, readModels, signal).finally(() => {
            upgrading = undefined
          })
          const wanted = { pool, names: [...leases.keys()], signal, logger, ...timing }
          await holdLeases(wanted, async (held, fences) => {
            const own = [...leases].filter(([name]) => fences.has(name)).map(([, model]) => model)
            const session = { ...deps, readModels: own, db, schema, succeeded }
            const fenced = { ...session, signal: held.signal, fences: [...fences.values()] }
            while (held.isHeld()) await runSession(fenced)
          })
        } catch (error) {
          failures += 1
          report(logger, error)
          await delay(backoff(failures, RETRY_MIN_MS, RETRY_MAX_MS), undefined, { signal }).catch(
            () => {},
          )
        }
      }
      await upgrading
      await measuring
    },
  }
}

function leaseOf(schema: string, { name, version }: AnyReadModel): string {
  return `projector ${schema} ${name} ${version}`
}

function report(logger: Logger, error: unknown): void {
  if (error instanceof FencedError) logger.info({ err: error }, 'projector gives way')
  else logger.warn({ err: error }, 'projector is interrupted')
}
