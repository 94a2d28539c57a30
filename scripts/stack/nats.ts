import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { type Child, startChild } from './child.ts'
import { stopLeftover } from './earlier-run.ts'
import { freePort } from './free-port.ts'
import { StackError } from './stack-error.ts'

const START_TIMEOUT_MS = 30_000
const USER = 'tidemark'

export type NatsOptions = {
  /** The `nats-server` program. */
  readonly program: string
  /** Ours alone: holds `jetstream/`, `nats.conf` and `nats.log`. Made when missing. */
  readonly directory: string
  readonly preferredPort?: number
  /** Asked of every client when given. Loopback is open to every program of this machine. */
  readonly password?: string
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
  const { directory, program, password } = options
  const config = path.join(directory, 'nats.conf')
  const pidFile = path.join(directory, 'nats.pid')
  await stopLeftover(pidFile, config, 'SIGTERM')
  const preferred = options.preferredPort === undefined ? [] : [options.preferredPort]
  const port = await freePort(...preferred)
  mkdirSync(directory, { recursive: true })
  writeFileSync(config, configuration(port, directory, password), { mode: 0o600 })
  const output = path.join(directory, 'nats.log')
  const args = ['--config', config, '--pid', pidFile]
  const child = startChild({ command: program, args, output, stopSignal: 'SIGTERM' })
  await untilReady(child, port)
  const url = urlOf(`127.0.0.1:${port}`, password)
  return { child, port, url, stop: () => child.stop() }
}

/** Read alike by every release from 2.9 on. An event may hold 1 MB; its headers come on top. */
function configuration(port: number, directory: string, password: string | undefined): string {
  const store = JSON.stringify(path.join(directory, 'jetstream'))
  return [
    `listen: "127.0.0.1:${port}"`,
    'max_payload: 4MB',
    `jetstream { store_dir: ${store} }`,
    ...(password === undefined ? [] : [`authorization { user: ${USER}, password: "${password}" }`]),
    '',
  ].join('\n')
}

/**
 * How programs of this machine reach the server that runs in `directory`.
 *
 * @throws {StackError} when none was started there.
 */
export function natsUrlIn(directory: string): string {
  const file = path.join(directory, 'nats.conf')
  if (!existsSync(file)) throw new StackError(`No NATS server was started in ${directory}.`)
  const text = readFileSync(file, 'utf8')
  const address = /^listen: "(.*)"$/m.exec(text)?.[1]
  const password = /password: "(.*)"/.exec(text)?.[1]
  return urlOf(address ?? '', password)
}

function urlOf(address: string, password: string | undefined): string {
  return `nats://${password === undefined ? '' : `${USER}:${password}@`}${address}`
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
