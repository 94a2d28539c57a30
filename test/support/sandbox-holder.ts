/** Starts a server in the sandbox, says its process id, and waits to be killed. */
import type { NpmRuntime } from '../../domain/installer/events.ts'
import { createSandbox } from '../../infra/sandbox/sandbox.ts'

const runtime = JSON.parse(process.env.RUNTIME ?? '') as NpmRuntime
const sandbox = await createSandbox({ dataDir: process.argv[2] ?? '', setting: 'auto' })
const configuration = { environment: {}, arguments: [], secretNames: [], network: 'none' } as const
const child = await sandbox.spawnServer(
  runtime,
  { ...configuration, arguments: [], secretNames: [] },
  {},
)
child.stdout.once('data', () => process.stdout.write(String(child.pid)))
