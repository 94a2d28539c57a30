import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { nodeArguments } from '../../infra/node-program.ts'
import { exitOf, type TidemarkProcess } from './program.ts'
import { waitFor } from './wait-for.ts'

const PROGRAM = import.meta.resolve('../../scripts/subscriber.ts')

type Counted = {
  readonly position: string
  readonly counts: Readonly<Record<string, number>>
  readonly bus?: { readonly created: string; readonly sequence: number }
}

export type SubscriberOptions = {
  readonly program: Pick<TidemarkProcess, 'address' | 'key'>
  readonly natsUrl: string
  /** Where it keeps its count. */
  readonly file: string
}

/** The reference subscriber as a process that is killed and started again. */
export class Subscriber {
  readonly #options: SubscriberOptions
  #child: ChildProcess | undefined
  output = ''

  constructor(
    t: { readonly teardown: (stop: () => Promise<void>) => void },
    options: SubscriberOptions,
  ) {
    this.#options = options
    t.teardown(async () => {
      await this.kill()
    })
  }

  start(): void {
    const { file, natsUrl, program } = this.#options
    const child = spawn(process.execPath, nodeArguments(PROGRAM), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        SUBSCRIBER_STATE: file,
        NATS_URL: natsUrl,
        TIDEMARK_URL: program.address,
        TIDEMARK_API_KEY: program.key,
      },
    })
    const keep = (text: Buffer) => {
      this.output += text.toString('utf8')
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    this.#child = child
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#child
    if (child === undefined) return null
    child.kill(signal)
    return (await exitOf(child)).code
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async exited(): Promise<number | null> {
    return this.#child === undefined ? null : (await exitOf(this.#child)).code
  }

  /** What is on disk. */
  counted(): Counted {
    const { file } = this.#options
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { position: '0', counts: {} }
  }

  async countedUpTo(position: bigint, timeoutMs: number): Promise<Counted> {
    await waitFor(
      `the count up to ${position}`,
      () => BigInt(this.counted().position) >= position,
      timeoutMs,
    ).catch((error: unknown) => {
      throw new Error(`${this.output.slice(-2_000)}\n${String(error)}`)
    })
    return this.counted()
  }
}
