import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { workflow, workflowId, workflowStream } from '../../domain/workflows/definition.ts'
import { graphOf } from '../../domain/workflows/diagram/graph.ts'
import { mermaidOf } from '../../domain/workflows/diagram/mermaid.ts'
import { svgOf } from '../../domain/workflows/diagram/svg.ts'
import { load } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
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
          description: 'SVG without scripts, or a flowchart for Mermaid.',
          params: Type.Object({ workflow: workflowName }),
          querystring: Type.Object({
            format: Type.Optional(Type.Enum(['svg', 'mermaid'], { default: 'svg' })),
            version: Type.Optional(version),
          }),
          produces: ['image/svg+xml', 'text/vnd.mermaid'],
          response: { 200: Type.String() },
        },
      },
      async ({ actor, params, query }, reply) => {
        const [namespace = '', name = ''] = params.workflow.split('.')
        const stream = workflowStream(actor.tenantId, { namespace, name })
        const { state } = await load(events, workflow, stream)
        const current = 'current' in state ? state.current : undefined
        const wanted = query.version ?? current
        const found = wanted === undefined ? undefined : state.versions.get(wanted)
        if (found === undefined)
          throw problem(404, 'workflow-not-found', `There is no workflow "${params.workflow}".`)
        const { document } = found.document
        const title = `${document.title ?? workflowId(document)} ${document.version}`
        const { draw, type } = FORMATS[query.format ?? 'svg']
        reply.header('content-type', type)
        return draw(graphOf(found.document), title)
      },
    )
    done()
  }
}
