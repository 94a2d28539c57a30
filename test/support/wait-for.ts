const POLL_MS = 20

/**
 * Asks until the answer is neither undefined nor false.
 *
 * @throws {Error} naming `what` when that takes longer than `timeoutMs`.
 */
export async function waitFor<Answer>(
  what: string,
  ask: () => Promise<Answer | undefined | false> | Answer | undefined | false,
  timeoutMs = 10_000,
): Promise<Answer> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
