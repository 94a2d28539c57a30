import type pg from 'pg'
import { createPool, type PoolOptions } from '../../infra/postgres/pool.ts'
import type { Logger } from '../ports/logger.ts'

type Close = () => Promise<unknown>

/** What the process opened, closed in the reverse order: nothing loses what it still needs. */
export class Owned {
  readonly #logger: Logger
  readonly #closes: { readonly name: string; readonly close: Close }[] = []

  constructor(logger: Logger) {
    this.#logger = logger
  }

  add(name: string, close: Close): void {
    this.#closes.push({ name, close })
  }

  use<Resource extends AsyncDisposable>(name: string, resource: Resource): Resource {
    this.add(name, async () => resource[Symbol.asyncDispose]())
    return resource
  }

  /** One that cannot be closed does not keep the others open. */
  async close(): Promise<void> {
    for (let each = this.#closes.pop(); each !== undefined; each = this.#closes.pop()) {
      const { name, close } = each
      await close().catch((error: unknown) =>
        this.#logger.warn({ resource: name, err: error }, 'Could not be closed.'),
      )
    }
  }
}

export function ownPool(owned: Owned, databaseUrl: string, options: PoolOptions): pg.Pool {
  const pool = createPool(databaseUrl, options)
  owned.add('database', () => pool.end())
  return pool
}
