import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Logger } from '../ports/logger.ts'
import type {
  ReadModelVerdict,
  ReadModelVerifier,
  VerificationProgress,
} from '../ports/read-model-verifier.ts'
import { answerInLines, NDJSON, wantsLines, whileConnected } from './lines-answer.ts'
import { problem } from './problem.ts'

export type VerificationsDeps = {
  readonly verifier: ReadModelVerifier
  readonly logger: Logger
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal
}

const PROGRESS_EVERY_MS = 200

const decimal = Type.String({ pattern: '^[0-9]+$' })
const Verdict = Type.Object({
  readModel: Type.String(),
  verdict: Type.Enum(['identical', 'different', 'not-verified']),
  position: { ...decimal, description: 'up to here it was rebuilt and compared' },
  parkedStreams: Type.Integer(),
  stopped: Type.Union([Type.String(), Type.Null()]),
  tables: Type.Array(
    Type.Object({
      table: Type.String(),
      rows: Type.Integer({ description: 'rows that were compared' }),
      differences: Type.Integer(),
      examples: Type.Array(
        Type.Object({
          key: Type.Record(Type.String(), Type.Unknown()),
          kind: Type.Enum(['missing', 'extra', 'different']),
        }),
      ),
    }),
  ),
})
const Verification = Type.Object({
  identical: Type.Boolean({ description: 'every row of every read model is what the log says' }),
  durationMs: Type.Integer(),
  readModels: Type.Array(Verdict),
})

type Result = Awaited<ReturnType<ReadModelVerifier['verify']>>

/** The read models prove themselves: what routes of several contexts answer with. */
export type Verifications = {
  /** Of the answer, for the routes' documents. */
  readonly description: string
  readonly response: { readonly 200: typeof Verification }
  /**
   * Compares all read models, or one, and answers as the request wants: at the end, or in lines on the way.
   *
   * @throws {ProblemError} when another verification runs in this process.
   */
  readonly answer: (
    request: FastifyRequest,
    reply: FastifyReply,
    readModel?: string,
  ) => Promise<Static<typeof Verification>>
}

export function createVerifications(deps: VerificationsDeps): Verifications {
  let running = false

  async function verify(
    request: FastifyRequest,
    readModel: string | undefined,
    onProgress: (progress: VerificationProgress) => void,
  ) {
    const startedAt = performance.now()
    const result = await whileConnected(request, deps.stopping, (signal) =>
      deps.verifier.verify(signal, onProgress, readModel),
    )
    return shown(result, performance.now() - startedAt)
  }

  return {
    description:
      'Rebuilds rows from the log beside the live ones, which go on, and compares them. Spans all tenants, so ' +
      'only keys of the default tenant may. ' +
      `With \`Accept: ${NDJSON}\` the answer is lines, each an object with \`progress\` while it runs, then one ` +
      '`result` or `problem`.',
    response: { 200: Verification },
    async answer(request, reply, readModel) {
      if (running)
        throw problem(409, 'verification-running', 'Another verification runs; wait for its end.')
      running = true
      try {
        if (!wantsLines(request)) return await verify(request, readModel, () => {})
        await answerInLines(request, reply, deps.logger, 'A verification broke.', (line) =>
          verify(request, readModel, occasionally(line)),
        )
        // Fastify sends nothing more: the reply is hijacked.
        return reply as never
      } finally {
        running = false
      }
    },
  }
}

/** Not more often than somebody can read. */
function occasionally(line: (value: object) => void): (progress: VerificationProgress) => void {
  let last = 0
  return ({ events, position, end }) => {
    if (performance.now() - last < PROGRESS_EVERY_MS) return
    last = performance.now()
    line({ progress: { events, position: position.toString(), end: end.toString() } })
  }
}

function shown({ identical, readModels }: Result, ms: number) {
  return { identical, durationMs: Math.round(ms), readModels: readModels.map(shownVerdict) }
}

function shownVerdict({ position, tables, ...verdict }: ReadModelVerdict) {
  return {
    ...verdict,
    position: position.toString(),
    tables: tables.map(({ examples, ...table }) => ({
      ...table,
      examples: examples.map((example) => ({ ...example })),
    })),
  }
}
