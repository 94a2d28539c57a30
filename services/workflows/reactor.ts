import { isOver, type Run } from '../../domain/workflows/run/state.ts'
import type { RunEvent } from '../../domain/workflows/run-events.ts'
import { withCorrelation } from '../kernel/correlation.ts'
import type { DeliveredMessage, MessageBus } from '../ports/message-bus.ts'
import type { RunClaims } from '../ports/run-claims.ts'
import { type DriveDeps, RunDrive } from './drive.ts'
import type { RunRef } from './run-session.ts'

/** Runs that are driven at once; those that wait are not among them. */
const MAX_AT_ONCE = 128
/** After this time what a process that died was at is given to another one. */
const ACK_WAIT_MS = 10_000

/** Events after which a run owes something. */
const TRIGGERS = [
  'WorkflowRunStarted',
  'TimerFired',
  'EventReceived',
  'ApprovalGiven',
  'ApprovalRefused',
  'RunResumed',
  'RunCancelRequested',
  'RunRetried',
] as const satisfies readonly RunEvent['type'][]

export type DrivesDeps = DriveDeps & { readonly claims: RunClaims }

export type RunReactorDeps = DrivesDeps & { readonly bus: MessageBus }

/** Drives every run until it waits or is over. Any number of processes may do it. */
export async function runWorkflowReactor(deps: RunReactorDeps, signal: AbortSignal): Promise<void> {
  const drives = new Drives(deps, signal)
  await deps.bus.subscribe(
    {
      durable: 'workflows',
      subjects: TRIGGERS.map((type) => `tidemark.*.workflows.${type}`),
      maxInFlight: MAX_AT_ONCE,
      ackWaitMs: ACK_WAIT_MS,
      signal,
    },
    (message) =>
      withCorrelation(message.attributes.correlationid ?? '', () => drives.drive(refOf(message))),
  )
}

function refOf({ subject, data }: DeliveredMessage): RunRef {
  const [, tenantId = ''] = subject.split('.')
  return { tenantId, runId: String(data.runId) }
}

/** The runs that this process drives. */
export class Drives {
  readonly #deps: DrivesDeps
  readonly #signal: AbortSignal
  readonly #driven = new Map<string, RunDrive>()

  constructor(deps: DrivesDeps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
  }

  /**
   * One that is driven here already is told to look again: whoever drives it has a message that
   * comes again if this process dies.
   *
   * @throws {Error} when another process has the run, or an effect could not be done: come again.
   */
  async drive(ref: RunRef): Promise<void> {
    const key = `${ref.tenantId}.${ref.runId}`
    const driven = this.#driven.get(key)
    if (driven !== undefined) return driven.tell()
    const drive = new RunDrive(this.#deps, this.#signal)
    this.#driven.set(key, drive)
    let run: Run | undefined
    try {
      const claimed = await this.#deps.claims.whileClaimed(ref, async (lost) => {
        // Who tells it while it comes to its end has to be heard, too.
        do run = await drive.go(ref, lost)
        while (drive.isAsked && !this.#signal.aborted && !lost.aborted)
        this.#driven.delete(key)
        if (lost.aborted) throw new Error('The claim of the run was lost.')
      })
      if (!claimed) throw new Error('Another process has the run.')
    } finally {
      if (this.#driven.get(key) === drive) this.#driven.delete(key)
    }
    if (this.#signal.aborted) throw new Error('The process stops.')
    if (run?.parent !== undefined && isOver(run))
      await this.drive({ tenantId: ref.tenantId, runId: run.parent.runId })
  }
}
