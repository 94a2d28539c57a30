import { startChild } from './child.ts'
import { freePort } from './free-port.ts'
import { RestartedChild } from './restarted-child.ts'
import { addressOf, tidemarkProgram, untilReady } from './tidemark.ts'

/** How many processes each role has. */
const PROCESSES = { api: 2, gateway: 1, relay: 1, projector: 2, reactors: 2, jobs: 1 } as const
const LONGEST_NAME = 'projector-1'.length

export type SplitOptions = {
  readonly root: string
  readonly environment: NodeJS.ProcessEnv
  readonly host: string
  /** Of the first; the others take the next ones that are free. */
  readonly port: number
  readonly signal: AbortSignal
  readonly say: (line: string) => void
  readonly onRefused: (name: string, lastWords: string) => void
}

export type Part = { readonly name: string; readonly address: string }

/** Each role in processes of its own, which are started again when they die. */
export class Split {
  readonly #options: SplitOptions
  readonly #members: (Part & { readonly child: RestartedChild })[] = []
  /** Nobody waits for a member to be ready once they are to stop. */
  readonly #stopping = new AbortController()

  constructor(options: SplitOptions) {
    this.#options = options
  }

  /** @returns where each of them is, once all are ready. */
  async start(): Promise<readonly Part[]> {
    let { port } = this.#options
    for (const [role, count] of Object.entries(PROCESSES))
      for (let n = 1; n <= count; n++) {
        port = this.#members.length === 0 ? port : await freePort(port + 1)
        this.#add(count === 1 ? role : `${role}-${n}`, role, port)
      }
    const signal = AbortSignal.any([this.#options.signal, this.#stopping.signal])
    await Promise.all(
      this.#members.map(({ name, address, child }) =>
        untilReady(
          address,
          signal,
          () => `${name} is not ready after two minutes:\n${child.lastWords()}`,
        ),
      ),
    )
    return this.#members
  }

  async stop(patienceMs?: number): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#members.map(({ child }) => child.stop(patienceMs)))
  }

  kill(signal: NodeJS.Signals): void {
    for (const { child } of this.#members) child.kill(signal)
  }

  #add(name: string, role: string, port: number): void {
    const { root, environment, host, say, onRefused } = this.#options
    const program = tidemarkProgram({
      ...{ root, host, port },
      environment: { ...environment, TIDEMARK_ROLES: role },
    })
    const output = (line: string) => say(`${name.padEnd(LONGEST_NAME)} | ${line}`)
    const child = new RestartedChild({
      ...{ name, say },
      start: () => startChild({ ...program, output }),
      onRefused: (lastWords) => onRefused(name, lastWords),
    })
    this.#members.push({ name, address: addressOf({ host, port }), child })
  }
}
