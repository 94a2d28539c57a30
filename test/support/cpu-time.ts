/** Milliseconds that `work` kept the processor busy: on a machine that does other things the clock tells more. */
export function cpuMsOf(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
