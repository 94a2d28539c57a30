import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'

const CHECK_TIMEOUT_MS = 2_000
/** Anyone may ask, so that asking often must cost nothing. */
const MAX_AGE_MS = 500

export type HealthResult = {
  readonly ok: boolean
  /** For people; no address and no secret. */
  readonly detail?: string
}

export type HealthDeps = {
  /** Everything that has to work for this process to be of use; a rejection counts as not ok. */
  readonly checks: Readonly<Record<string, () => Promise<HealthResult>>>
  /** Shown in every answer: `none` means that servers run without a sandbox. */
  readonly sandbox: string
  readonly isStopping: () => boolean
}

const Live = Type.Object({ status: Type.Literal('live'), sandbox: Type.String() })
const Ready = Type.Object({
  status: Type.Enum(['ready', 'not-ready', 'stopping']),
  sandbox: Type.String(),
  checks: Type.Record(
    Type.String(),
    Type.Object({ ok: Type.Boolean(), detail: Type.Optional(Type.String()) }),
  ),
})

/** Whether the process lives, and whether requests should be sent to it. */
export function healthRoutes({
  checks,
  sandbox,
  isStopping,
}: HealthDeps): FastifyPluginAsyncTypebox {
  const tags = ['operations']
  const runChecks = rarely(() => checkAll(checks))

  return async (app) => {
    app.get(
      '/health/live',
      {
        schema: { tags, summary: 'The process runs', response: { 200: Live } },
        config: { access: 'anyone' },
      },
      async () => ({ status: 'live' as const, sandbox }),
    )

    app.get(
      '/health/ready',
      {
        schema: {
          tags,
          summary: 'Everything that requests need is there',
          response: { 200: Ready, 503: Ready },
        },
        config: { access: 'anyone' },
      },
      async (_request, reply) => {
        const results = isStopping() ? {} : await runChecks()
        const status = statusOf(results, isStopping())
        reply.header('cache-control', 'no-store')
        if (status !== 'ready') reply.code(503).header('retry-after', 2)
        return { status, sandbox, checks: results }
      },
    )
  }
}

function statusOf(
  results: Readonly<Record<string, HealthResult>>,
  stopping: boolean,
): 'ready' | 'not-ready' | 'stopping' {
  if (stopping) return 'stopping'
  return Object.values(results).every(({ ok }) => ok) ? 'ready' : 'not-ready'
}

async function checkAll(checks: HealthDeps['checks']): Promise<Record<string, HealthResult>> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await bounded(check)] as const),
  )
  return Object.fromEntries(results)
}

async function bounded(check: () => Promise<HealthResult>): Promise<HealthResult> {
  const { promise: late, cancel } = after(CHECK_TIMEOUT_MS, { ok: false, detail: 'no answer' })
  try {
    return await Promise.race([check(), late])
  } catch {
    return { ok: false, detail: 'not reachable' }
  } finally {
    cancel()
  }
}

function after<Value>(ms: number, value: Value) {
  let timer: NodeJS.Timeout | undefined
  const promise = new Promise<Value>((resolve) => {
    timer = setTimeout(resolve, ms, value)
  })
  return { promise, cancel: () => clearTimeout(timer) }
}

function rarely<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let last: { readonly answer: Promise<Answer>; readonly at: number } | undefined
  return () => {
    const at = performance.now()
    if (last === undefined || at - last.at > MAX_AGE_MS) last = { answer: ask(), at }
    return last.answer
  }
}
