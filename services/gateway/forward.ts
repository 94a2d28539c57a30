import type { ActiveVersion } from '../../domain/gateway/active-version.ts'
import type { CallOutcome } from '../../domain/gateway/events.ts'
import type { Logger } from '../ports/logger.ts'
import {
  type JsonObject,
  type McpUpstream,
  UpstreamErrorResponse,
  UpstreamLostError,
  UpstreamTimeoutError,
} from '../ports/mcp-upstream.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Caller, UsageRecorder } from './call-log.ts'
import { ServerUnavailableError } from './faults.ts'
import { errorText, RPC, type RpcError, type RpcRequest, resultText } from './json-rpc.ts'
import { modernResult } from './offered.ts'
import type { ServerProcesses } from './server-processes.ts'
import type { ToolLists } from './tool-lists.ts'

export type ForwardDeps = {
  readonly processes: Pick<ServerProcesses, 'lease'>
  readonly usage: Pick<UsageRecorder, 'record'>
  /** Absent where tools are only called. */
  readonly toolLists?: Pick<ToolLists, 'observe'>
  readonly now: () => Date
  readonly logger: Logger
  readonly metrics: Metrics
  readonly callTimeoutMs: number
}

export type Exchange = {
  readonly caller: Caller
  readonly server: ActiveVersion
  readonly request: RpcRequest
  readonly requestBytes: number
  readonly era: 'modern' | 'legacy'
  /** Aborted when the caller does not wait any more. */
  readonly signal: AbortSignal
  readonly onProgress?: (progress: JsonObject) => void
}

export type Forwarded = { readonly status: number; readonly text: string }

type Answered = Forwarded & { readonly outcome: CallOutcome }

/** Sends a request on to the server and turns whatever comes of it into a JSON-RPC response. Never rejects. */
export async function forward(deps: ForwardDeps, exchange: Exchange): Promise<Forwarded> {
  const calledAt = deps.now().toISOString()
  const start = performance.now()
  const answered = await answer(deps, exchange)
  if (exchange.request.method === 'tools/call') {
    const durationMs = performance.now() - start
    deps.metrics.toolCalled(answered.outcome, durationMs / 1_000)
    const { installationId, serverName, version } = exchange.server
    deps.usage.record(exchange.caller, {
      installationId,
      serverName,
      version,
      tool: toolLabel(exchange.request),
      durationMs: Math.round(durationMs * 1_000) / 1_000,
      outcome: answered.outcome,
      requestBytes: exchange.requestBytes,
      responseBytes: Buffer.byteLength(answered.text),
      calledAt,
    })
  }
  return answered
}

async function answer(deps: ForwardDeps, exchange: Exchange): Promise<Answered> {
  const { request, era } = exchange
  try {
    const { upstream, result } = await ask(deps, exchange)
    const outcome = result.isError === true ? 'tool-error' : 'ok'
    const shown =
      era === 'modern' ? modernResult(upstream.identity, request.method, result) : result
    return { outcome, status: 200, text: resultText(request.id, shown) }
  } catch (fault) {
    const { outcome, error, status } = judge(deps, exchange, fault)
    return { outcome, status, text: errorText(request.id, error) }
  }
}

async function ask(
  { processes, callTimeoutMs, toolLists }: ForwardDeps,
  { caller, server, request, signal, onProgress }: Exchange,
): Promise<{ readonly upstream: McpUpstream; readonly result: JsonObject }> {
  const lease = await processes.lease(caller.tenantId, server)
  const { upstream } = lease
  try {
    const result = await upstream.request(request.method, ownParams(request.params), {
      signal,
      timeoutMs: callTimeoutMs,
      ...(onProgress === undefined ? {} : { onProgress }),
    })
    const isWholeList = request.method === 'tools/list' && request.params.cursor === undefined
    if (isWholeList) void toolLists?.observe(caller.tenantId, server, result)
    return { upstream, result }
  } catch (error) {
    if (error instanceof UpstreamTimeoutError && !signal.aborted) lease.suspect()
    throw error
  } finally {
    lease.release()
  }
}

const ENVELOPE_PREFIX = 'io.modelcontextprotocol/'

/** Without what belongs to the caller's own connection: the envelope and the progress token. */
function ownParams(params: JsonObject): JsonObject {
  const { _meta, ...rest } = params
  if (typeof _meta !== 'object' || _meta === null) return rest
  const kept = Object.entries(_meta).filter(
    ([key]) => key !== 'progressToken' && !key.startsWith(ENVELOPE_PREFIX),
  )
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) }
}

type Judged = {
  readonly outcome: CallOutcome
  readonly status: number
  readonly error: RpcError
}

/** An error that the server itself answered with passes; every other one is the gateway's own word. */
function judge(deps: ForwardDeps, { signal, era, server }: Exchange, fault: unknown): Judged {
  if (signal.aborted) return failed('cancelled', 'cancelled', 'The call was cancelled.')
  if (fault instanceof UpstreamErrorResponse) return refused(fault, era)
  if (fault instanceof UpstreamTimeoutError) return failed('timeout', 'call-timeout', fault.message)
  if (fault instanceof ServerUnavailableError)
    return failed('unavailable', fault.code, fault.message)
  if (fault instanceof UpstreamLostError) {
    const detail = `The server was lost before it answered: ${fault.message}`
    return failed('unavailable', 'server-lost', detail)
  }
  deps.logger.error({ err: fault, installationId: server.installationId }, 'A call failed')
  return { ...failed('unavailable', 'internal', 'The gateway failed; try again.'), status: 500 }
}

function failed(outcome: CallOutcome, code: string, message: string): Judged {
  return { outcome, status: 200, error: { code: RPC.internalError, message, data: { code } } }
}

function refused({ code, message, data }: UpstreamErrorResponse, era: Exchange['era']): Judged {
  const error = { message, ...(data === undefined ? {} : { data }) }
  if (era === 'legacy') return { outcome: 'protocol-error', status: 200, error: { code, ...error } }
  const status = code === RPC.methodNotFound ? 404 : 200
  return { outcome: 'protocol-error', status, error: { code: modernCode(code), ...error } }
}

/** Codes that 2026-07-28 took back. */
function modernCode(code: number): number {
  if (code === RPC.resourceNotFound) return RPC.invalidParams
  if (code === RPC.urlElicitationRequired) return RPC.internalError
  return code
}

const MAX_LABEL = 200
const CONTROLS = /\p{Cc}/gu

/** The caller's own text, fit for an event and a table. */
function toolLabel({ params }: RpcRequest): string {
  const { name } = params
  if (typeof name !== 'string' || name === '') return '(none)'
  return name.slice(0, MAX_LABEL).replace(CONTROLS, ' ').replace(LONE_SURROGATES, '\uFFFD')
}

const LONE_SURROGATES = /\p{Cs}/gu
