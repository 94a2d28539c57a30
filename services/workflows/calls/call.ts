import type { Outcome } from '../../../domain/workflows/run/commands.ts'
import { standardError } from '../../../domain/workflows/run/fault.ts'
import { OutgoingCallError } from '../../ports/outgoing-call.ts'
import type { Call } from '../perform.ts'

/** What a step says under `with`; its expressions are evaluated. */
export type CallMembers = Parameters<Call>[0]

/** A call that cannot be made as it is written, or whose answer is no answer. */
export class CallFault extends Error {
  override readonly name = 'CallFault'
  readonly outcome: Outcome

  constructor(kind: Parameters<typeof standardError>[0], detail: string, status?: number) {
    super(detail)
    this.outcome = { error: standardError(kind, detail, status) }
  }
}

const BAD_GATEWAY = 502
const UNAVAILABLE = 503

/** Faults that the author can do something about are outcomes. */
export async function outcomeOf(call: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof CallFault) return error.outcome
    if (error instanceof OutgoingCallError) return { error: errorOf(error) }
    throw error
  }
}

function errorOf({ reason, message }: OutgoingCallError) {
  switch (reason) {
    case 'timeout':
      return standardError('timeout', message)
    case 'address-refused':
    case 'bad-request':
      return standardError('configuration', message)
    case 'too-large':
      return standardError('communication', message, BAD_GATEWAY)
    case 'unreachable':
      return standardError('communication', message, UNAVAILABLE)
  }
}
