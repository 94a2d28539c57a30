import { quarantine, quarantineStream } from '../../domain/gateway/quarantine.ts'
import { type CommandContext, execute } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore, Position } from '../ports/event-store.ts'
import { createInstalledServers } from './installed-servers.ts'

export type QuarantineDeps = { readonly store: EventStore; readonly now: () => Date }

export type QuarantineRequest = {
  readonly installationId: string
  readonly cause: string
  /** Otherwise the next version or configuration ends it. */
  readonly untilLifted: boolean
}

type Quarantined = { readonly stream: string; readonly position: Position }

/**
 * The server is not started any more, and ends when its calls have ended.
 *
 * @throws {ProblemError} 409 `not-installed` when no version of it is active.
 */
export async function quarantineServer(
  { store, now }: QuarantineDeps,
  request: QuarantineRequest,
  context: CommandContext,
): Promise<Quarantined> {
  const { tenantId } = context
  const { installationId } = request
  const server = await createInstalledServers(store).find(tenantId, installationId)
  if (server === undefined)
    throw problem(409, 'not-installed', 'No version of this installation is active.')
  const stream = quarantineStream(tenantId, installationId)
  const { version, generation } = server
  const at = now().toISOString()
  const command = { type: 'QuarantineServer', ...request, version, generation, now: at } as const
  const { position } = await execute(store, quarantine, stream, command, context)
  return { stream, position }
}

/** @throws {ProblemError} 409 `not-quarantined` */
export async function liftQuarantine(
  { store, now }: QuarantineDeps,
  installationId: string,
  context: CommandContext,
): Promise<Quarantined> {
  const stream = quarantineStream(context.tenantId, installationId)
  const command = { type: 'LiftQuarantine', installationId, now: now().toISOString() } as const
  const { position } = await execute(store, quarantine, stream, command, context)
  return { stream, position }
}
