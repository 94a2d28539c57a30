import { Type } from 'typebox'
import type { Json } from '../../domain/kernel/json.ts'
import { runStream } from '../../domain/workflows/run/run.ts'
import { type PlatformCommand, platformCommand } from '../kernel/platform-command.ts'
import type { Standing } from '../kernel/standing.ts'
import { type StartRunDeps, startRun } from './start-run.ts'

const part = Type.String({ pattern: '^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$' })

/** What rules and workflows may ask of workflows. */
export function workflowCommands(
  deps: StartRunDeps,
  standing: Pick<Standing, 'scopesOf'>,
): readonly PlatformCommand[] {
  return [
    platformCommand({
      name: 'start-workflow',
      summary: 'Start a run of a workflow',
      access: 'workflows:write',
      parameters: Type.Object(
        {
          namespace: part,
          name: part,
          version: Type.Optional(Type.String({ maxLength: 200 })),
          input: Type.Optional(Type.Unknown()),
        },
        { additionalProperties: false },
      ),
      async perform({ namespace, name, version, input = {} }, context) {
        const { tenantId, actorId } = context
        const scopes = await standing.scopesOf(tenantId, actorId)
        const given = version === undefined ? {} : { version }
        const { runId, done } = await startRun(
          deps,
          {
            ...{ namespace, name, ...given, owner: { actorId, scopes } },
            ...{ trigger: 'rule', input: input as Json },
          },
          context,
        )
        const { position } = done
        return { stream: runStream(tenantId, runId), position, result: { runId } }
      },
    }),
  ]
}
