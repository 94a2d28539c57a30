/** `make tour`: the whole job once, with real servers, against the running Tidemark. */
import { connect } from '../services/cli/api.ts'
import { print } from '../services/cli/output.ts'
import { printable } from '../services/cli/printable.ts'
import { STEPS, type Tour } from './tour/steps.ts'

process.exitCode = await tour()

async function tour(): Promise<number> {
  const startedAt = performance.now()
  try {
    const state: Tour = { api: connect({}) }
    for (const { title, run } of STEPS) {
      const began = performance.now()
      process.stdout.write(`${title} … `)
      const found = await run(state)
      print(`${seconds(began)}\n    ${printable(found)}`)
    }
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error)
    process.stderr.write(`\nThe tour ends here: ${printable(sentence)}\n`)
    return 1
  }
  print(`\nThe whole tour took ${seconds(startedAt)}.`)
  return 0
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(2)} s`
}
