/**
 * Measures the system against limits of this machine, measured in the same run:
 * `npx tsx scripts/run.ts scripts/bench.ts [name…]`. One JSON object a line on standard output.
 */
import { benchAppendBatch, benchAppendSingle } from './bench/append.ts'
import { benchCommands } from './bench/commands.ts'
import { benchFeed } from './bench/feed.ts'
import { benchGateway } from './bench/gateway.ts'
import { benchJq } from './bench/jq.ts'
import type { Measurement } from './bench/measure.ts'
import { benchMillion } from './bench/million.ts'
import { benchProjectCatchup } from './bench/project.ts'
import { benchRelay } from './bench/relay.ts'
import { benchReplay } from './bench/replay.ts'
import { benchRuleLatency } from './bench/rule-latency.ts'
import { benchRuleEvaluation, benchRulePreview } from './bench/rules.ts'
import { benchSearch } from './bench/search.ts'
import { openStage, type Stage } from './bench/stage.ts'
import { benchSync } from './bench/sync.ts'
import { benchVisible } from './bench/visible.ts'
import { benchWebhooks } from './bench/webhooks.ts'
import { benchWorkflowSteps, benchWorkflowWaiting } from './bench/workflows.ts'

const BENCHMARKS: Readonly<
  Record<string, (stage: Stage) => Promise<Measurement | readonly Measurement[]>>
> = {
  'append.single': benchAppendSingle,
  'append.batch': benchAppendBatch,
  'project.catchup': benchProjectCatchup,
  replay: benchReplay,
  'relay.publish': benchRelay,
  'visible.p99': benchVisible,
  search: benchSearch,
  sync: benchSync,
  gateway: benchGateway,
  '1m': benchMillion,
  'commands.max': benchCommands,
  sse: benchFeed,
  'webhooks.deliver': benchWebhooks,
  'rules.eval': benchRuleEvaluation,
  'rules.preview': benchRulePreview,
  'rules.latency.p99': benchRuleLatency,
  'jq.eval': benchJq,
  'workflow.steps': benchWorkflowSteps,
  'workflow.waiting': benchWorkflowWaiting,
}

const wanted = process.argv.slice(2)
const names = Object.keys(BENCHMARKS).filter(
  (name) => wanted.length === 0 || wanted.some((each) => name.startsWith(each)),
)
const stage = await openStage()
try {
  for (const name of names) {
    const results = (await BENCHMARKS[name]?.(stage)) ?? []
    for (const result of [results].flat()) process.stdout.write(`${JSON.stringify(result)}\n`)
  }
} finally {
  await stage.close()
}
