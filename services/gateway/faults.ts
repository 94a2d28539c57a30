/** Why a call cannot be routed; `code` is stable and kebab-case, the message is one sentence for a person. */
export class ServerUnavailableError extends Error {
  override readonly name = 'ServerUnavailableError'
  readonly code: UnavailableCode

  constructor(code: UnavailableCode, message: string) {
    super(message)
    this.code = code
  }
}

export type UnavailableCode =
  | 'server-quarantined'
  | 'server-start-failed'
  | 'server-busy'
  | 'server-stopped'
  | 'sandbox-unavailable'
  | 'gateway-stopping'

/** @param failures undefined when somebody asked for the quarantine. */
export function quarantinedFault({
  failures,
  cause,
}: {
  readonly failures: number | undefined
  readonly cause: string
}): ServerUnavailableError {
  const after = failures === undefined ? '' : ` after ${failures} failures`
  return new ServerUnavailableError(
    'server-quarantined',
    `The server was stopped${after}: ${cause} Lift its quarantine to try again.`,
  )
}
