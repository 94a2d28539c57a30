import type { RulesEvaluated } from '../../domain/rules/evaluation.ts'
import type { EventStore } from '../ports/event-store.ts'

export type RecordedVerdict = {
  /** Of the event that was evaluated. */
  readonly position: bigint
  readonly version: number
  readonly verdict: string
}

/** What one rule answered to the events after `after`, as it was recorded, in the order of the log. */
export async function* recordedVerdicts(
  log: Pick<EventStore, 'readStream'>,
  stream: string,
  ruleId: string,
  after: bigint,
): AsyncIterable<RecordedVerdict> {
  const from = await firstAfter(log, stream, after)
  if (from === undefined) return
  for await (const { data } of log.readStream(stream, { from })) {
    const { position, rules } = data as RulesEvaluated
    const answer = rules.find((rule) => rule.ruleId === ruleId)
    if (answer !== undefined)
      yield { position: BigInt(position), version: answer.version, verdict: answer.verdict }
  }
}

/** Evaluations are in the order of their events, so that halving finds one among millions. */
async function firstAfter(
  log: Pick<EventStore, 'readStream'>,
  stream: string,
  after: bigint,
): Promise<bigint | undefined> {
  const last = await evaluationAt(log, stream, { direction: 'backwards' })
  if (last === undefined || last.position <= after) return undefined
  let low = 0n
  let high = last.revision
  while (low < high) {
    const middle = (low + high) / 2n
    const found = await evaluationAt(log, stream, { from: middle })
    if (found !== undefined && found.position <= after) low = middle + 1n
    else high = middle
  }
  return low
}

async function evaluationAt(
  log: Pick<EventStore, 'readStream'>,
  stream: string,
  at: { readonly from?: bigint; readonly direction?: 'backwards' },
): Promise<{ readonly revision: bigint; readonly position: bigint } | undefined> {
  for await (const { revision, data } of log.readStream(stream, { ...at, limit: 1 }))
    return { revision, position: BigInt((data as RulesEvaluated).position) }
  return undefined
}
