import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import {
  type WorkflowVersion,
  workflow,
  workflowId,
  workflowStream,
} from '../../domain/workflows/definition.ts'
import { graphOf, type TaskStates } from '../../domain/workflows/diagram/graph.ts'
import { mermaidOf } from '../../domain/workflows/diagram/mermaid.ts'
import { RunStates } from '../../domain/workflows/diagram/run-states.ts'
import { svgOf } from '../../domain/workflows/diagram/svg.ts'
import { runStream } from '../../domain/workflows/run/run.ts'
import type { RunEvent } from '../../domain/workflows/run-events.ts'
import { load } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import { refuseUnreadable } from '../kernel/readable.ts'
import type { EventStore } from '../ports/event-store.ts'
import { runId } from './run-view.ts'
import { version, workflowName } from './workflow-view.ts'

export type DiagramDeps = { readonly events: EventStore }

const FORMATS = {
  svg: { draw: svgOf, type: 'image/svg+xml; charset=utf-8' },
  mermaid: { draw: mermaidOf, type: 'text/vnd.mermaid; charset=utf-8' },
} as const

export function diagramRoutes({ events }: DiagramDeps): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/workflows/:workflow/diagram',
      {
        config: { access: 'workflows:read' },
        schema: {
          tags: ['workflows'],
          summary: 'A workflow as a picture',
          description:
            'SVG without scripts, or a flowchart for Mermaid; with a run in the version that it is on.',
          params: Type.Object({ workflow: workflowName }),
          querystring: Type.Object({
            format: Type.Optional(Type.Enum(['svg', 'mermaid'], { default: 'svg' })),
            version: Type.Optional(version),
            run: Type.Optional({ ...runId, description: 'of this workflow: its state is shown' }),
          }),
          produces: ['image/svg+xml', 'text/vnd.mermaid'],
          response: { 200: Type.String() },
        },
      },
      async ({ actor, params, query }, reply) => {
        const { workflow: id } = params
        const shown =
          query.run === undefined ? {} : await runOf(events, actor.tenantId, id, query.run)
        const wanted = shown.version ?? query.version
        const found = await versionOf(events, actor.tenantId, id, wanted)
        const { document } = found.document
        const title = `${document.title ?? workflowId(document)} ${document.version}`
        const { draw, type } = FORMATS[query.format ?? 'svg']
        reply.header('content-type', type)
        return draw(graphOf(found.document), title, shown.states)
      },
    )
    done()
  }
}

/** @param version by default the one that new runs begin with. */
async function versionOf(
  events: EventStore,
  tenantId: string,
  id: string,
  version: string | undefined,
): Promise<WorkflowVersion> {
  const [namespace = '', name = ''] = id.split('.')
  const { state } = await load(events, workflow, workflowStream(tenantId, { namespace, name }))
  const wanted = version ?? ('current' in state ? state.current : '')
  const found = state.versions.get(wanted)
  if (found === undefined)
    throw problem(404, 'workflow-not-found', `There is no workflow "${id}", or not this version.`)
  return found
}

type ShownRun = { readonly version?: string; readonly states?: TaskStates }

async function runOf(
  events: EventStore,
  tenantId: string,
  id: string,
  run: string,
): Promise<ShownRun> {
  const states = new RunStates()
  let begun: { readonly workflow: string; readonly version: string } | undefined
  for await (const recorded of events.readStream(runStream(tenantId, run))) {
    refuseUnreadable(recorded)
    const event = recorded as unknown as RunEvent
    states.apply(event)
    if (event.type === 'WorkflowRunStarted')
      begun = { workflow: workflowId(event.data), version: event.data.version }
  }
  if (begun?.workflow !== id) throw problem(404, 'run-not-found', `"${id}" has no such run.`)
  return { version: begun.version, states: states.states }
}
