import type { Writable } from 'node:stream'
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type Transport,
} from '@modelcontextprotocol/client'
import type { UpstreamEnd } from '../../services/ports/mcp-upstream.ts'
import type { ServerExit, ServerProcess } from '../../services/ports/sandbox.ts'
import { DEFAULT_LINE_LIMITS, type LineLimits, readJsonLines } from './json-lines.ts'
import { Rate } from './rate.ts'

/** Notifications and requests; answers are as many as there were requests. */
const MAX_UNASKED_PER_SECOND = 2_000

/** A server that leaves so much unread does not read. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024

export type StdioTransportOptions = {
  readonly limits?: LineLimits
  /** How long each step of ending it waits: stdin closed, then SIGTERM, then SIGKILL. */
  readonly graceMs?: number
}

/**
 * MCP's stdio transport over a process that somebody else started, with bounds on all that it
 * writes. Its `ended` says why it is over.
 */
export class StdioTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: Transport['onmessage']

  readonly ended: Promise<UpstreamEnd>
  readonly #process: ServerProcess
  readonly #limits: LineLimits
  readonly #graceMs: number
  readonly #unasked = new Rate(MAX_UNASKED_PER_SECOND)
  #misbehaviour: string | undefined
  #closing: Promise<void> | undefined
  #over = false

  constructor(process: ServerProcess, options: StdioTransportOptions = {}) {
    this.#process = process
    this.#limits = options.limits ?? DEFAULT_LINE_LIMITS
    this.#graceMs = options.graceMs ?? 2_000
    this.ended = process.exited.then((exit) => this.#finish(exit))
  }

  /** By this and `stderr` the SDK knows that silence on its first question means an older server. */
  get pid(): number {
    return this.#process.pid
  }

  get stderr(): ServerProcess['stderr'] {
    return this.#process.stderr
  }

  async start(): Promise<void> {
    const { stdin, stdout, stderr } = this.#process
    // A write to a process that just died must not become an uncaught error; `ended` tells it.
    for (const stream of [stdin, stdout, stderr])
      stream.on('error', (error) => this.onerror?.(error))
    // Its text is third-party and unbounded: it is drained, so that the server cannot block on it.
    stderr.resume()
    readJsonLines(stdout, this.#limits, {
      onValue: (value) => this.#receive(value),
      onBadLine: (why) => this.onerror?.(new Error(`A line was dropped: ${why}.`)),
      onMisbehaviour: (why) => this.misbehave(why),
    })
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const { stdin } = this.#process
    if (this.#over || !stdin.writable) throw new Error('The server process is gone.')
    this.#gather(stdin)
    stdin.write(`${JSON.stringify(message)}\n`)
    if (stdin.writableLength > MAX_UNREAD_BYTES) {
      this.misbehave('It does not read what it is sent.')
      throw new Error('The server process does not read.')
    }
  }

  /** Whatever one turn of the event loop sends leaves in one write, which is what a message costs most. */
  #gather(stdin: Writable): void {
    if (stdin.writableCorked > 0) return
    stdin.cork()
    setImmediate(() => stdin.uncork())
  }

  /** Kills it at once; `ended` will say `misbehaved` and why. */
  misbehave(why: string): void {
    this.#misbehaviour ??= why
    this.#process.stdout.destroy()
    void this.#process.kill()
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    if (this.#over) return
    this.#process.stdin.end()
    if (await this.#exitsWithin(this.#graceMs)) return
    terminate(this.#process.pid)
    if (await this.#exitsWithin(this.#graceMs)) return
    await this.#process.kill()
    await this.ended
  }

  async #exitsWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, ms, false)
    })
    const inTime = this.ended.then(() => true)
    try {
      return await Promise.race([inTime, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #receive(value: unknown): void {
    if (this.#misbehaviour !== undefined) return
    if (isUnasked(value) && this.#unasked.exceededBy(1)) {
      this.misbehave(`It wrote more than ${MAX_UNASKED_PER_SECOND} messages in a second unasked.`)
      return
    }
    let message: JSONRPCMessage
    try {
      message = parseJSONRPCMessage(value)
    } catch {
      this.onerror?.(new Error('A line was dropped: not a JSON-RPC message.'))
      return
    }
    this.onmessage?.(message)
  }

  #finish(exit: ServerExit): UpstreamEnd {
    this.#over = true
    this.#process.stdout.destroy()
    this.onclose?.()
    const exitCode = exit.code === null ? {} : { exitCode: exit.code }
    if (this.#misbehaviour !== undefined)
      return { reason: 'misbehaved', detail: this.#misbehaviour, ...exitCode }
    if (this.#closing !== undefined) return { reason: 'closed', ...exitCode }
    const how = exit.code === null ? `by ${exit.signal}` : `with code ${exit.code}`
    return { reason: 'exited', detail: `The process ended ${how}.`, ...exitCode }
  }
}

function isUnasked(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'method' in value
}

function terminate(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM')
  } catch {
    // It has ended by itself in this moment.
  }
}
