import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { type Child, startChild } from './child.ts'
import { freePort } from './free-port.ts'
import { StackError } from './stack-error.ts'

const START_TIMEOUT_MS = 30_000

export type NatsOptions = {
  /** The `nats-server` program. */
  readonly program: string
  /** Ours alone: holds `jetstream/`, `nats.conf` and `nats.log`. Made when missing. */
  readonly directory: string
  readonly preferredPort?: number
}

export type NatsServer = {
  readonly child: Child
  readonly port: number
  readonly url: string
  readonly stop: () => Promise<void>
}

/**
 * Starts a NATS server with JetStream on a loopback port.
 *
 * @throws {StackError} when it does not come up.
 */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const { directory, program } = options
  const preferred = options.preferredPort === undefined ? [] : [options.preferredPort]
  const port = await freePort(...preferred)
  mkdirSync(directory, { recursive: true })
  const config = path.join(directory, 'nats.conf')
  writeFileSync(config, configuration(port, path.join(directory, 'jetstream')), { mode: 0o600 })
  const logFile = path.join(directory, 'nats.log')
  const args = ['--config', config]
  const child = startChild({ command: program, args, logFile, stopSignal: 'SIGTERM' })
  await untilReady(child, port)
  return { child, port, url: `nats://127.0.0.1:${port}`, stop: () => child.stop() }
}

/** Read alike by every release from 2.9 on. An event may hold 1 MB; its headers come on top. */
function configuration(port: number, store: string): string {
  return [
    `listen: "127.0.0.1:${port}"`,
    'max_payload: 4MB',
    `jetstream { store_dir: ${JSON.stringify(store)} }`,
    '',
  ].join('\n')
}

async function untilReady(child: Child, port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  let ended = false
  void child.exited.then(() => {
    ended = true
  })
  while (!(await greetsWithJetStream(port))) {
    if (ended) throw new StackError(`The NATS server did not start: ${child.lastWords()}`)
    if (Date.now() > deadline) {
      await child.stop()
      throw new StackError(`The NATS server is not ready after 30 s: ${child.lastWords()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** A NATS server speaks first: `INFO {…}` says what it can do. */
function greetsWithJetStream(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let greeting = ''
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 })
    const end = (ready: boolean) => {
      socket.destroy()
      resolve(ready)
    }
    socket.on('data', (chunk) => {
      greeting += chunk.toString('utf8')
      if (greeting.includes('\n')) end(/"jetstream":\s*true/.test(greeting))
    })
    socket.on('timeout', () => end(false))
    socket.on('error', () => end(false))
    socket.on('close', () => end(false))
  })
}
