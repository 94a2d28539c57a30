import { Type } from 'typebox'
import { SCOPES } from '../../domain/identity/scopes.ts'
import { workflow, workflowStream } from '../../domain/workflows/definition.ts'
import type { WorkflowDocument } from '../../domain/workflows/document.ts'
import { execute } from '../../services/kernel/execute.ts'
import {
  gatherCommands,
  type PlatformCommand,
  platformCommand,
} from '../../services/kernel/platform-command.ts'
import { problem } from '../../services/kernel/problem.ts'
import type { Standing } from '../../services/kernel/standing.ts'
import type { EventStore } from '../../services/ports/event-store.ts'

export const WORKFLOW_OWNER = { actorId: 'key:owner', scopes: SCOPES }
/** Nobody revokes keys here. */
export const standing: Standing = { may: async () => true, scopesOf: async () => SCOPES }

/** The workflow as a definition of the tenant, unchecked. */
export async function applied(
  events: EventStore,
  document: WorkflowDocument,
  tenantId = 'acme',
): Promise<void> {
  const content = { document, hash: 'a'.repeat(64), source: '{}', owner: WORKFLOW_OWNER }
  const now = '2026-01-01T00:00:00.000Z'
  const command = { type: 'ApplyWorkflow', ...content, enabled: true, now } as const
  const id = '00000000-0000-4000-8000-000000000000'
  const by = { tenantId, actorId: 'test', correlationId: id, causationId: id }
  await execute(events, workflow, workflowStream(tenantId, document.document), command, by)
}

const NAMES = ['one', 'two', 'three', 'shaky']
/** Commands of the other contexts, recorded instead of carried out. */
export const LIKE_THE_PLATFORM = [
  ...['sync', 'check-update', 'update', 'roll-back', 'install', 'uninstall'],
]

export type Effect = { readonly name: string; readonly input: unknown }

/**
 * Commands that are carried out once for each command id, as those of the platform are. `shaky`
 * refuses the first time.
 */
export function effects() {
  const carriedOut = new Map<string, Effect>()
  const first = new Map<string, string>()
  const answers = new Map<string, (input: unknown) => Readonly<Record<string, unknown>>>()
  const held = new Map<string, { readonly begin: () => void; readonly released: Promise<void> }>()

  function command(name: string, afterwards: () => void): PlatformCommand {
    return platformCommand({
      ...{ name, summary: name, access: 'operations:write' },
      parameters: Type.Object({}, { additionalProperties: true }),
      async perform(input, { commandId }) {
        carriedOut.set(commandId, { name, input })
        if (!first.has(name)) first.set(name, commandId)
        afterwards()
        held.get(name)?.begin()
        await held.get(name)?.released
        if (name === 'shaky' && first.get(name) === commandId)
          throw problem(409, 'shaky', 'Not yet.')
        const answer = answers.get(name)?.(input) ?? { called: name }
        return { stream: 'x-acme.1', position: 0n, result: answer }
      },
    })
  }

  return {
    /** @param afterwards is called when an effect has happened and nobody knows it yet. */
    commands: (afterwards: () => void = () => {}, more: readonly PlatformCommand[] = []) =>
      gatherCommands(
        [...NAMES, ...LIKE_THE_PLATFORM].map((name) => command(name, afterwards)),
        more,
      ),
    /** What a command answers, or throws. */
    answer: (name: string, as: (input: unknown) => Readonly<Record<string, unknown>>) =>
      void answers.set(name, as),
    /** The command does not come to an end before it is released. */
    hold(name: string) {
      let begin = () => {}
      let release = () => {}
      const begun = new Promise<void>((resolve) => {
        begin = resolve
      })
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      held.set(name, { begin, released })
      return { begun, release }
    },
    list: () => [...carriedOut.values()],
    /** The names, sorted: branches are at it at the same time. */
    done: () => [...carriedOut.values()].map(({ name }) => name).sort(),
  }
}
