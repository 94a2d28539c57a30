import type { TidemarkProcess } from '../program.ts'

const ASK_EVERY_MS = 100

export type Balancer = {
  /** Processes that said that they are ready when they were last asked. */
  readonly ready: () => readonly TidemarkProcess[]
  readonly add: (program: TidemarkProcess) => void
}

/** Knows as much as a load balancer does: what each process says of itself, a moment ago. */
export function balancer(t: { readonly teardown: (stop: () => void) => void }): Balancer {
  const isReady = new Map<TidemarkProcess, boolean>()
  const timer = setInterval(() => {
    for (const program of isReady.keys())
      void asks(program).then((ready) => isReady.set(program, ready))
  }, ASK_EVERY_MS)
  t.teardown(() => clearInterval(timer))
  return {
    ready: () => [...isReady].filter(([, ready]) => ready).map(([program]) => program),
    add: (program) => void isReady.set(program, true),
  }
}

async function asks({ request }: TidemarkProcess): Promise<boolean> {
  try {
    const answer = await request('/health/ready', { key: null })
    await answer.body?.cancel()
    return answer.ok
  } catch {
    return false
  }
}
