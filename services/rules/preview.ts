import { randomUUID } from 'node:crypto'
import type { RuleDefinition } from '../../domain/rules/live-rule.ts'
import type { WhatIfFindings, WhatIfNeeds, WhatIfVerdict } from '../../domain/rules/what-if.ts'
import type {
  BeginWhatIf,
  ContinueWhatIf,
  EndWhatIf,
  EventHead,
} from '../../domain/rules/what-if-messages.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'
import type { WorkerPool } from '../ports/worker-pool.ts'
import { placeBefore } from './past.ts'
import type { Comparison } from './preview-comparison.ts'

const CHUNK_EVENTS = 1_000
const CHUNK_CHARACTERS = 2_000_000

export type PreviewDeps = {
  /** As stored: personal data stays encrypted, as it does when rules are asked. */
  readonly log: Pick<EventStore, 'readAll' | 'head'>
  /** Of one thread: it remembers the rule from one task to the next. */
  readonly workers: WorkerPool
}

/** Of the log all that is within every bound; by default everything. */
export type PreviewRange = {
  /** A position, exclusive. */
  readonly after?: Position | undefined
  /** A position, inclusive. */
  readonly through?: Position | undefined
  /** Instants in Unix ms, inclusive. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

export type PreviewRequest = {
  readonly tenantId: string
  readonly rule: RuleDefinition
  readonly needs: WhatIfNeeds
  readonly range: PreviewRange
  /** How many verdicts are shown. */
  readonly limit: number
  /** After so many events it ends, and says so. */
  readonly maxEvents: number
  /** Ids of events whose effects were caused through too many rule actions. */
  readonly tooDeep: readonly string[]
  /** With what was recorded after a position. */
  readonly comparison: ((after: Position) => Comparison) | undefined
}

export type PreviewProgress = {
  readonly events: number
  readonly position: Position
  readonly end: Position
}

export type Preview = {
  /** Events that were read, those before the range too. */
  readonly read: number
  /** Events within the range of the types that the rule listens to. */
  readonly events: number
  readonly counts: Readonly<Record<string, number>>
  readonly shown: readonly WhatIfVerdict[]
  readonly after: Position
  readonly through: Position
  /** False when it ended because it had read as much as it may. */
  readonly complete: boolean
  readonly comparison: ReturnType<Comparison['result']> | undefined
}

/**
 * Asks a rule about the past, in a thread. Nothing is done and nothing is recorded.
 *
 * @throws the signal's reason when it aborts; at the latest after one part of the log.
 */
export async function preview(
  deps: PreviewDeps,
  request: PreviewRequest,
  signal: AbortSignal,
  onProgress: (progress: PreviewProgress) => void,
): Promise<Preview> {
  const session = randomUUID()
  const after = await beginningOf(deps.log, request, signal)
  const asking = new Asking(deps.workers, session, request.comparison?.(after))
  try {
    const { rule, limit, tooDeep } = request
    const begin = { session, rule, after, limit, tooDeep }
    await deps.workers.run<BeginWhatIf, void>('beginWhatIf', begin)
    return await ask(deps, request, after, asking, signal, onProgress)
  } finally {
    await asking.close()
    await deps.workers.run<EndWhatIf, void>('endWhatIf', { session })
  }
}

/** The log is read while the thread is busy with the part before. */
async function ask(
  deps: PreviewDeps,
  { tenantId, needs, range, maxEvents }: PreviewRequest,
  after: Position,
  asking: Asking,
  signal: AbortSignal,
  onProgress: (progress: PreviewProgress) => void,
): Promise<Preview> {
  const { types } = needs
  const end = range.through ?? (await deps.log.head())
  const from = await startOf(deps.log, tenantId, needs, after, signal)
  const chunk = new Chunk()
  let [read, position, through] = [0, from, end]
  for await (const event of deps.log.readAll({ tenantId, types, from })) {
    if (event.position > end) break
    if (read >= maxEvents || Date.parse(event.time) > (range.toMs ?? Number.POSITIVE_INFINITY)) {
      through = position
      break
    }
    read += 1
    position = event.position
    chunk.add(event)
    if (!chunk.isFull) continue
    signal.throwIfAborted()
    await asking.take(chunk.text(), position)
    onProgress({ events: read, position, end })
  }
  signal.throwIfAborted()
  await asking.take(chunk.text(), through)
  await asking.settled()
  return { read, after, through, complete: read < maxEvents, ...asking.findings }
}

/** @returns the position before the first event of the range. */
async function beginningOf(
  log: PreviewDeps['log'],
  { tenantId, needs: { types }, range }: PreviewRequest,
  signal: AbortSignal,
): Promise<Position> {
  const { after = 0n, fromMs } = range
  if (fromMs === undefined) return after
  const place = await placeBefore(
    log,
    { tenantId, types },
    undefined,
    signal,
    ({ position, time }) => position > after && Date.parse(time) >= fromMs,
  )
  return place > after ? place : after
}

/** Windows begin to fill before the range; facts are made of everything before it. */
async function startOf(
  log: PreviewDeps['log'],
  tenantId: string,
  { types, before }: WhatIfNeeds,
  after: Position,
  signal: AbortSignal,
): Promise<Position> {
  if (after === 0n || before === 'everything') return 0n
  if (before.ms === 0) return after
  let last: number | undefined
  return placeBefore(log, { tenantId, types }, after, signal, ({ time }) => {
    const at = Date.parse(time)
    last ??= at
    return at >= last - before.ms
  })
}

/** Events as the text that the thread gets. */
class Chunk {
  #parts: string[] = []
  #characters = 0

  add({ fault, raw, ...event }: RecordedEvent): void {
    // What cannot be read says nothing to rules.
    if (fault !== undefined) return
    const { position, schemaVersion, type, eventId, stream, time, actorId, causationId } = event
    const head: EventHead = [
      position.toString(),
      schemaVersion,
      ...([type, eventId, stream, time, actorId, causationId] as const),
    ]
    this.#parts.push(JSON.stringify(head), raw.data)
    this.#characters += raw.data.length
  }

  get isFull(): boolean {
    return this.#parts.length >= 2 * CHUNK_EVENTS || this.#characters >= CHUNK_CHARACTERS
  }

  /** Empties the chunk. */
  text(): string {
    const text = `[${this.#parts.join(',')}]`
    this.#parts = []
    this.#characters = 0
    return text
  }
}

/** Gives the thread one part after the other, and adds up what it finds. */
class Asking {
  readonly #workers: WorkerPool
  readonly #session: string
  readonly #comparison: Comparison | undefined
  #busy: Promise<void> = Promise.resolve()
  #events = 0
  readonly #counts: Record<string, number> = {}
  readonly #shown: WhatIfVerdict[] = []

  constructor(workers: WorkerPool, session: string, comparison: Comparison | undefined) {
    this.#workers = workers
    this.#session = session
    this.#comparison = comparison
  }

  /** Waits for the part before this one, not for this one. */
  async take(events: string, through: Position): Promise<void> {
    await this.#busy
    this.#busy = this.#take(events, through)
    // Whoever waits next gets the error.
    this.#busy.catch(() => {})
  }

  async #take(events: string, through: Position): Promise<void> {
    const input: ContinueWhatIf = { session: this.#session, events }
    const found = await this.#workers.run<ContinueWhatIf, WhatIfFindings>('continueWhatIf', input)
    this.#events += found.events
    this.#shown.push(...found.shown)
    for (const [verdict, count] of Object.entries(found.counts))
      this.#counts[verdict] = (this.#counts[verdict] ?? 0) + count
    await this.#comparison?.take(found.matched, through)
  }

  async settled(): Promise<void> {
    await this.#busy
  }

  /** Whatever became of it. */
  async close(): Promise<void> {
    await this.#busy.catch(() => {})
    await this.#comparison?.close()
  }

  get findings() {
    const comparison = this.#comparison?.result()
    return { events: this.#events, counts: this.#counts, shown: this.#shown, comparison }
  }
}
