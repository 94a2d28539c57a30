import { setMaxListeners } from 'node:events'
import { Slots } from '../kernel/slots.ts'
import { ActionLane, type LaneDeps } from './action-lane.ts'

/** Of one tenant, at once; calls of its webhooks among them may take their time. */
const ACTIONS_AT_ONCE = 8

/** What the rules of each tenant owe is done in a lane of its own: none waits for another. */
export class ActionLanes implements AsyncDisposable {
  readonly #deps: LaneDeps
  readonly #lanes = new Map<string, { readonly lane: ActionLane; readonly ended: Promise<void> }>()
  readonly #stop = new AbortController()

  constructor(deps: LaneDeps) {
    this.#deps = deps
    // Each tenant's lane listens; Node takes more than ten for a leak.
    setMaxListeners(0, this.#stop.signal)
  }

  /** The tenant has, or may have, evaluations that nobody has looked at. */
  tellNews(tenantId: string): void {
    const known = this.#lanes.get(tenantId)
    if (known === undefined) {
      const lane = new ActionLane(this.#deps, tenantId, new Slots(ACTIONS_AT_ONCE))
      this.#lanes.set(tenantId, { lane, ended: lane.run(this.#stop.signal) })
    } else known.lane.tellNews()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#lanes.values()].map(({ ended }) => ended))
  }
}
