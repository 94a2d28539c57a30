import type { Json } from '../../kernel/json.ts'
import type { RunEvent, WorkflowError } from '../run-events.ts'
import type { Incoming } from './event-match.ts'
import type { Surroundings } from './program.ts'

type StartData = Extract<RunEvent, { readonly type: 'WorkflowRunStarted' }>['data']
type At = { readonly runId: string; readonly now: string }

export type Outcome = { readonly output: Json } | { readonly error: WorkflowError }

/** Where `surroundings` are given, the run goes on by itself as far as it can. */
export type RunCommand =
  | ({ readonly type: 'StartRun'; readonly surroundings: Surroundings } & Pick<
      StartData,
      'runId' | 'trigger' | 'parent' | 'depth' | 'input'
    > & { readonly owner: { readonly actorId: string; readonly scopes: readonly string[] } })
  | {
      readonly type: 'AdvanceRun'
      readonly surroundings: Surroundings
      /** By default everything that fits into one append. */
      readonly maxTurns?: number
    }
  | {
      readonly type: 'RecordOutcome'
      readonly step: number
      readonly outcome: Outcome
      readonly surroundings: Surroundings
      /** As of `AdvanceRun`: what follows from the outcome. */
      readonly maxTurns?: number
    }
  /** What the run would do next cannot be recorded. */
  | {
      readonly type: 'FaultTurn'
      readonly error: WorkflowError
      readonly surroundings: Surroundings
    }
  /** Nor can it be recorded that a step faulted. */
  | ({ readonly type: 'FaultRun'; readonly error: WorkflowError } & At)
  /** Ends the run at once and waits for nothing; nothing of the run's data is recorded with it. */
  | ({ readonly type: 'AbandonRun' } & At)
  | {
      readonly type: 'ReceiveEvent'
      readonly event: Incoming
      /** That listened when it happened; by default all that listen. */
      readonly steps?: readonly number[]
      readonly surroundings: Surroundings
    }
  | ({ readonly type: 'FireTimers' } & At)
  | ({
      readonly type: 'AnswerApproval'
      readonly step: number
      readonly decision: 'approve' | 'refuse'
      readonly actorId: string
      readonly scopes: readonly string[]
      readonly comment?: string
    } & At)
  | ({ readonly type: 'SuspendRun' } & At)
  | ({ readonly type: 'ResumeRun' } & At)
  | ({ readonly type: 'CancelRun' } & At)
  | ({ readonly type: 'RetryRun'; readonly step?: number } & At)

export type RunRejection =
  | 'run-exists'
  | 'run-not-found'
  | 'run-over'
  | 'run-not-over'
  | 'run-compensated'
  | 'run-input-invalid'
  | 'run-not-listening'
  | 'step-not-found'
  | 'step-superseded'
  | 'approval-not-open'
  | 'approval-answered'
  | 'approval-forbidden'
