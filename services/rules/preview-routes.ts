import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import { type Static, Type } from 'typebox'
import { MAX_DEPTH } from '../../domain/rules/evaluate.ts'
import { needsOf } from '../../domain/rules/what-if.ts'
import type { CausesTables } from '../../projections/audit/causes.ts'
import type { RuleEvaluationsTables } from '../../projections/rules/rule-evaluations.ts'
import { listDeeper } from '../../projections/rules/too-deep.ts'
import { answerInLines, NDJSON, wantsLines, whileConnected } from '../kernel/lines-answer.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import { compileForAuthor } from './compile-for-author.ts'
import { evaluationsStream } from './evaluations.ts'
import { type Preview, type PreviewDeps, type PreviewProgress, preview } from './preview.ts'
import { PreviewAnswer } from './preview-answer.ts'
import { Comparison } from './preview-comparison.ts'
import { recordedVerdicts } from './recorded-verdicts.ts'
import { RuleBody, settingsOf } from './schemas.ts'

export type PreviewRoutesDeps = PreviewDeps & {
  readonly log: Pick<EventStore, 'readAll' | 'readStream' | 'head'>
  readonly db: Kysely<RuleEvaluationsTables & CausesTables>
  readonly logger: Logger
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal
}

/** At once in a process: they share one thread. */
const MAX_PREVIEWS = 4
const MAX_EVENTS = 10_000_000
const PROGRESS_EVERY_MS = 200

const position = Type.String({ pattern: '^[0-9]{1,19}$' })
const instant = Type.String({ format: 'date-time' })

const PreviewBody = Type.Object(
  {
    ruleId: Type.Optional(
      Type.String({ format: 'uuid', description: 'a rule whose recorded answers are compared' }),
    ),
    settings: RuleBody,
    after: Type.Optional({ ...position, description: 'position, exclusive; default: the start' }),
    through: Type.Optional({ ...position, description: 'position, inclusive; default: the end' }),
    from: Type.Optional({ ...instant, description: 'inclusive' }),
    to: Type.Optional({ ...instant, description: 'inclusive' }),
    limit: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 1_000, default: 100, description: 'verdicts shown' }),
    ),
    maxEvents: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_EVENTS, default: 1_000_000 })),
  },
  { additionalProperties: false },
)

/** What a rule, or a change to one, would have done. */
export function previewRoutes(deps: PreviewRoutesDeps): FastifyPluginAsyncTypebox {
  let running = 0
  return async (app) => {
    app.post(
      '/v1/rules/preview',
      {
        config: { access: 'rules:write' },
        schema: {
          tags: ['rules'],
          summary: 'What a rule would have done',
          description:
            'Asks the rule about a past part of the log, in a thread of its own. Nothing is done and nothing ' +
            'is recorded. Windows and facts are what they were then: windows are filled from before the part, ' +
            'facts from the start of the log, if the rule uses them. ' +
            `With \`Accept: ${NDJSON}\` the answer is lines, each an object with \`progress\` while it ` +
            'runs, then one `result` or `problem`.',
          body: PreviewBody,
          response: { 200: PreviewAnswer },
        },
      },
      async (request, reply) => {
        if (running >= MAX_PREVIEWS)
          throw problem(429, 'too-many-previews', `${MAX_PREVIEWS} previews run; try again soon.`)
        running += 1
        try {
          const ask = await requestOf(deps, request.actor.tenantId, request.body)
          const work = (onProgress: (progress: PreviewProgress) => void) =>
            whileConnected(request, deps.stopping, async (signal) =>
              shown(await preview(deps, ask, signal, onProgress)),
            )
          if (!wantsLines(request)) return await work(() => {})
          await answerInLines(request, reply, deps.logger, 'A preview broke.', (line) =>
            work(occasionally(line)),
          )
          // Fastify sends nothing more: the reply is hijacked.
          return reply as never
        } finally {
          running -= 1
        }
      },
    )
  }
}

/** @throws {ProblemError} 422 when the rule does not compile. */
async function requestOf(
  deps: PreviewRoutesDeps,
  tenantId: string,
  body: Static<typeof PreviewBody>,
) {
  const { ruleId, limit = 100, maxEvents = 1_000_000 } = body
  const settings = settingsOf(body.settings)
  const compiled = await compileForAuthor(deps.log, tenantId, settings, '/body/settings')
  const stream = evaluationsStream(tenantId)
  return {
    tenantId,
    rule: { ruleId: ruleId ?? randomUUID(), version: 1, settings },
    needs: needsOf(settings.on, compiled),
    range: {
      after: body.after === undefined ? undefined : BigInt(body.after),
      through: body.through === undefined ? undefined : BigInt(body.through),
      fromMs: body.from === undefined ? undefined : Date.parse(body.from),
      toMs: body.to === undefined ? undefined : Date.parse(body.to),
    },
    limit,
    maxEvents,
    tooDeep: await listDeeper(deps.db, tenantId, MAX_DEPTH),
    comparison:
      ruleId === undefined
        ? undefined
        : (after: bigint) => new Comparison(recordedVerdicts(deps.log, stream, ruleId, after)),
  }
}

/** Not more often than somebody can read. */
function occasionally(line: (value: object) => void): (progress: PreviewProgress) => void {
  let last = 0
  return ({ events, position: reached, end }) => {
    if (performance.now() - last < PROGRESS_EVERY_MS) return
    last = performance.now()
    line({ progress: { events, position: reached.toString(), end: end.toString() } })
  }
}

function shown({ after, through, comparison, counts, shown, ...found }: Preview) {
  return {
    ...found,
    after: after.toString(),
    through: through.toString(),
    counts: { ...counts },
    shown: shown.map((each) => ({ ...each })),
    ...(comparison === undefined ? {} : { comparison }),
  }
}
