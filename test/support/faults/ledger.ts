/** A command that was answered with success: from then on it has to be true. */
export type Acknowledged = {
  /** What its event, and no other, carries. */
  readonly mark: string
  readonly position: bigint
}

/** What the program promised, and what it did against the rules. */
export type Ledger = {
  readonly acknowledged: Acknowledged[]
  /** How often each kind of answer came: a status, or `none` when there was no answer. */
  readonly answers: Map<string, number>
  /** Answers that no fault excuses: a fault that is no problem document, or is none of a server away. */
  readonly wrong: string[]
}

export function emptyLedger(): Ledger {
  return { acknowledged: [], answers: new Map(), wrong: [] }
}
