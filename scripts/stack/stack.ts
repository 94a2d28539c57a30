import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { migrate } from '../../infra/postgres/migrate.ts'
import type { Child } from './child.ts'
import type { DataDirectory } from './data-directory.ts'
import { freePort, isPortFree } from './free-port.ts'
import { startNats } from './nats.ts'
import { startPostgres } from './postgres.ts'
import { provide } from './provide.ts'
import { how } from './restarted-child.ts'
import { type DatabaseAccess, prepareDatabase } from './roles.ts'
import { randomPassword } from './secret.ts'
import { type Part, Split } from './split.ts'
import { StackError } from './stack-error.ts'
import { startTidemark } from './tidemark.ts'
import { BUBBLEWRAP, NATS_SERVER } from './tools.ts'

const DEFAULT_HTTP_PORT = 7420

export type StackOptions = {
  readonly root: string
  readonly data: DataDirectory
  readonly environment: NodeJS.ProcessEnv
  readonly say: (line: string) => void
  /** Aborted when the person wants to stop before everything is up. */
  readonly signal: AbortSignal
}

/** The servers of one `make up`, in the order in which they started. */
export class Stack implements AsyncDisposable {
  readonly #options: StackOptions
  readonly #started: Pick<Child, 'stop' | 'kill'>[] = []
  #stopping = false
  #fail: (reason: StackError) => void = () => {}
  /** Rejects when one of the servers ends by itself. */
  readonly failed: Promise<never>

  constructor(options: StackOptions) {
    this.#options = options
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
  }

  /** @returns the address of the running Tidemark. */
  async start(): Promise<string> {
    const { data, root, signal } = this.#options
    const place = await this.#place()
    const environment = await this.#servers()
    const logDirectory = path.join(data.path, 'log')
    const tidemark = await startTidemark({ root, signal, ...place, logDirectory, environment })
    this.#watch('Tidemark', tidemark.child)
    this.#rememberPorts(place.port)
    return tidemark.address
  }

  /** The same with each role in processes of its own. @returns where each of them is. */
  async startSplit(): Promise<readonly Part[]> {
    const { root, say, signal } = this.#options
    const place = await this.#place()
    // Everything has been brought up to date: none of them needs the owner's rights.
    const { DATABASE_OWNER_URL: _owner, ...environment } = await this.#servers()
    const split = new Split({
      ...{ root, say, signal, ...place },
      environment: { ...environment, LOG_LEVEL: environment.LOG_LEVEL ?? 'warn' },
      onRefused: (name, lastWords) =>
        this.#fail(new StackError(`${name} does not start:\n${lastWords}`)),
    })
    this.#started.push(split)
    const parts = await Promise.race([split.start(), this.failed])
    this.#rememberPorts(place.port)
    return parts
  }

  async #place() {
    return { host: this.#options.environment.HOST ?? '127.0.0.1', port: await this.#httpPort() }
  }

  /** Starts what Tidemark needs. @returns its configuration. */
  async #servers(): Promise<NodeJS.ProcessEnv> {
    const { data, environment, root, signal } = this.#options
    const database = await this.#database()
    signal.throwIfAborted()
    const natsUrl = environment.NATS_URL ?? (await this.#nats())
    signal.throwIfAborted()
    await bringUpToDate(database)
    signal.throwIfAborted()
    return {
      ...environment,
      ...this.#sandbox(),
      REGISTRY_FILE_ROOTS: environment.REGISTRY_FILE_ROOTS ?? snapshotFolders(root, data.path),
      // Nobody balances load over it.
      DRAIN_DELAY_MS: environment.DRAIN_DELAY_MS ?? '0',
      PUBLIC_CATALOGUE: environment.PUBLIC_CATALOGUE ?? '1',
      DATABASE_URL: database.appUrl,
      DATABASE_OWNER_URL: database.ownerUrl,
      NATS_URL: natsUrl,
      DATA_DIR: data.path,
    }
  }

  #rememberPorts(http: number): void {
    const { data } = this.#options
    data.rememberPorts({ ...data.ports, ...this.#ports, http })
  }

  /** In the reverse order of starting: nobody loses a server that it still needs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    for (const server of this.#started.reverse()) await server.stop(30_000)
  }

  /** Ends everything at once; Postgres and NATS recover at the next start. */
  kill(): void {
    for (const server of this.#started) server.kill('SIGKILL')
  }

  #ports: { postgres?: number; nats?: number } = {}

  async #database(): Promise<DatabaseAccess> {
    const { data, environment } = this.#options
    const { DATABASE_URL: appUrl, DATABASE_OWNER_URL: ownerUrl = appUrl } = environment
    if (appUrl !== undefined && ownerUrl !== undefined)
      return { appUrl, ownerUrl, appRole: userOf(appUrl) }
    const server = await startPostgres({
      directory: path.join(data.path, 'postgres'),
      ...(data.ports.postgres === undefined ? {} : { preferredPort: data.ports.postgres }),
    })
    this.#watch('Postgres', server.child)
    this.#ports.postgres = server.port
    return prepareDatabase(server.superuserUrl)
  }

  async #nats(): Promise<string> {
    const { data, environment, say } = this.#options
    const toolsDirectory = path.join(data.path, 'tools')
    const server = await startNats({
      program: provide(NATS_SERVER, { environment, toolsDirectory, say }),
      directory: path.join(data.path, 'nats'),
      password: randomPassword(),
      ...(data.ports.nats === undefined ? {} : { preferredPort: data.ports.nats }),
    })
    this.#watch('The NATS server', server.child)
    this.#ports.nats = server.port
    return server.url
  }

  /** Without bubblewrap Tidemark runs, and says itself what it then refuses. */
  #sandbox(): NodeJS.ProcessEnv {
    const { data, environment, say } = this.#options
    if (environment.SANDBOX === 'none') return {}
    const toolsDirectory = path.join(data.path, 'tools')
    try {
      return { BWRAP_BIN: provide(BUBBLEWRAP, { environment, toolsDirectory, say }) }
    } catch (error) {
      if (!(error instanceof StackError)) throw error
      say(`${error.message} Until then no package can be installed.`)
      return {}
    }
  }

  async #httpPort(): Promise<number> {
    const { data, environment, say } = this.#options
    if (environment.PORT !== undefined) {
      const port = Number(environment.PORT)
      if (port === 0) return freePort()
      if (!Number.isInteger(port) || port < 0 || port > 65_535)
        throw new StackError(`PORT=${environment.PORT} is not a port number.`)
      if (await isPortFree(port)) return port
      throw new StackError(`Port ${port} is taken by another program: choose another PORT.`)
    }
    const remembered = data.ports.http === undefined ? [] : [data.ports.http]
    const [wanted = DEFAULT_HTTP_PORT] = remembered
    const port = await freePort(...remembered, DEFAULT_HTTP_PORT)
    if (port !== wanted) say(`Port ${wanted} is taken by another program; using ${port}.`)
    return port
  }

  #watch(name: string, child: Child): void {
    this.#started.push(child)
    void child.exited.then((end) => {
      if (this.#stopping) return
      this.#fail(new StackError(`${name} ended by itself (${how(end)}):\n${child.lastWords()}`))
    })
  }
}

async function bringUpToDate({ ownerUrl, appRole }: DatabaseAccess): Promise<void> {
  try {
    await migrate({ ownerUrl, appRole })
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    throw new StackError(`The database cannot be brought up to date: ${message || code}`, {
      cause: error,
    })
  }
}

/** Where registry snapshots may be read from: a folder for them, and the project's own data. */
function snapshotFolders(root: string, dataDirectory: string): string {
  const own = path.join(dataDirectory, 'snapshots')
  mkdirSync(own, { recursive: true })
  return [own, path.resolve(root, '../shared/data/registry')].join(':')
}

function userOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url).username)
  } catch {
    throw new StackError(
      'DATABASE_URL is not an address of the form postgres://user:password@host/database.',
    )
  }
}
