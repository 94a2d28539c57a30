/** The command line, `tidemark`: scripts/tidemark.mjs starts it. */
import path from 'node:path'
import { main } from '../services/cli/main.ts'

// Only these commands need more than an address, which takes its time to load.
process.exitCode = await main(process.argv, {
  async serve(options) {
    const { serve } = await import('../services/main/serve.ts')
    await serve(process.env, options)
  },
  async recoverKey(tenantId) {
    const { recoverApiKey } = await import('../services/main/recover-key.ts')
    return await recoverApiKey(await withDatabase(process.env), tenantId)
  },
})

/** Where nobody says otherwise, the data are those of `make up`. */
async function withDatabase(environment: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  if (environment.DATABASE_URL) return environment
  const { databaseHere } = await import('./stack/database-here.ts')
  const DATA_DIR = path.resolve(import.meta.dirname, '..', environment.DATA_DIR ?? '.data')
  return { ...environment, DATA_DIR, DATABASE_URL: databaseHere(DATA_DIR) }
}
