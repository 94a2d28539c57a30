#!/usr/bin/env node
import { register } from 'tsx/esm/api'

register()
const { main } = await import('../services/cli/main.ts')
process.exitCode = await main(process.argv, async (options) => {
  // Of all commands only this one needs the whole program, which takes its time to load.
  const { serve } = await import('../services/main/serve.ts')
  await serve(process.env, options)
})
