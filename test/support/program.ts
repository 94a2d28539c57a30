import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodeArguments } from '../../infra/node-program.ts'
import { servingProcesses } from '../../services/kernel/addresses.ts'
import { waitFor } from './wait-for.ts'

/** It tells a hang: a start takes 2 s, and minutes on a machine with ten other things to do. */
const START_TIMEOUT_MS = 240_000
const ANSWER_TIMEOUT_MS = 5_000
const SOURCE = 'services/main/main.ts'
const MAIN = import.meta.resolve('../../services/main/main.ts')
const ROOT = path.resolve(import.meta.dirname, '../..')

export type ProcessExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type TidemarkProcess = {
  readonly pid: number
  readonly address: string
  /** The first API key. */
  readonly key: string
  readonly log: () => string
  readonly signal: (signal: NodeJS.Signals) => void
  readonly exited: Promise<ProcessExit>
  /** Asks it to stop, and resolves when it has. */
  readonly stop: () => Promise<ProcessExit>
  /** Sends with the first key unless `key` says otherwise; `null` = none. */
  readonly request: (path: string, options?: RequestOptions) => Promise<Response>
  /** @throws when the answer is not a success. */
  readonly json: <Answer = Record<string, unknown>>(
    path: string,
    options?: RequestOptions,
  ) => Promise<Answer>
}

export type RequestOptions = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly body?: unknown
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Another way to the program than straight to where it serves. */
  readonly address?: string
}

export type TidemarkOptions = {
  readonly databaseUrl: string
  readonly databaseOwnerUrl?: string
  readonly natsUrl: string
  /** By default a new one; give one to start again on the same data. */
  readonly dataDirectory?: string
  readonly environment?: NodeJS.ProcessEnv
  /** By default as long as a busy machine needs where there is little to catch up with. */
  readonly readyWithinMs?: number
  /** Of the sources; by default this repository. */
  readonly root?: string
  /** Where standard output and errors go; by default a file of the data directory. */
  readonly output?: string
}

type Teardown = { readonly teardown: (stop: () => Promise<void>) => void }

/** The real program as a process of its own, ready to serve; killed at teardown. */
export async function startTidemark(
  t: Teardown,
  options: TidemarkOptions,
): Promise<TidemarkProcess> {
  const dataDirectory = options.dataDirectory ?? newDataDirectory(t)
  const child = launch(t, dataDirectory, options)
  const exited = exitOf(child)
  const log = () => readLog(dataDirectory)
  const address = await readyAddress(dataDirectory, child, log, options.readyWithinMs)
  const key = readFileSync(path.join(dataDirectory, 'first-api-key'), 'utf8').trim()
  const request: TidemarkProcess['request'] = (place, requested = {}) => {
    const { method, body, headers, signal } = requested
    const sent = requested.key === undefined ? key : requested.key
    return fetch(`${requested.address ?? address}${place}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(sent === null ? {} : { authorization: `Bearer ${sent}` }),
        ...headers,
      },
    })
  }
  return {
    pid: child.pid ?? 0,
    ...{ address, key, log, exited, request },
    signal: (signal) => void child.kill(signal),
    async stop() {
      child.kill('SIGTERM')
      return await exited
    },
    async json<Answer>(place: string, requestOptions?: RequestOptions) {
      const answer = await request(place, requestOptions)
      if (answer.ok) return (await answer.json()) as Answer
      throw new Error(`${place}: ${answer.status} ${await answer.text()}`)
    },
  }
}

/** Started, and perhaps soon ended: `exitOf` tells. Killed at teardown. */
export function launch(
  t: Teardown,
  dataDirectory: string,
  { databaseUrl, databaseOwnerUrl, natsUrl, environment, root, output: to }: TidemarkOptions,
): ChildProcess {
  const output = openSync(to ?? path.join(dataDirectory, 'tidemark.log'), 'a')
  const child = spawn(
    process.execPath,
    nodeArguments(root === undefined ? MAIN : pathToFileURL(path.join(root, SOURCE)).href),
    {
      cwd: root ?? ROOT,
      stdio: ['ignore', output, output],
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        ...(databaseOwnerUrl === undefined ? {} : { DATABASE_OWNER_URL: databaseOwnerUrl }),
        NATS_URL: natsUrl,
        DATA_DIR: dataDirectory,
        PORT: '0',
        DRAIN_DELAY_MS: '0',
        ...environment,
      },
    },
  )
  closeSync(output)
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await exitOf(child)
  })
  return child
}

function readLog(dataDirectory: string): string {
  const file = path.join(dataDirectory, 'tidemark.log')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

export function newDataDirectory(t: Teardown): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'tidemark-e2e-'))
  t.teardown(async () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export function exitOf(child: ChildProcess): Promise<ProcessExit> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode })
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
}

/** @returns the address that the process serves at, once it is ready. */
export async function readyAddress(
  dataDirectory: string,
  child: ChildProcess,
  log: () => string,
  withinMs = START_TIMEOUT_MS,
): Promise<string> {
  let ended = false
  void exitOf(child).then(() => {
    ended = true
  })
  return await waitFor(
    'Tidemark to be ready',
    async () => {
      if (ended) throw new Error(`Tidemark ended:\n${log().slice(-3_000)}`)
      const serving = servingProcesses(dataDirectory).find(({ pid }) => pid === child.pid)
      return serving !== undefined && (await isReady(serving.address)) ? serving.address : undefined
    },
    withinMs,
  )
}

async function isReady(address: string): Promise<boolean> {
  try {
    const answer = await fetch(`${address}/health/ready`, {
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
    await answer.body?.cancel()
    return answer.ok
  } catch {
    return false
  }
}
