import { isCustomType } from '../../custom/events.ts'
import { within } from '../../kernel/pointer.ts'
import { authenticationOf, credentialsIn } from '../credentials.ts'
import type { WorkflowDocument } from '../document.ts'
import type { Endpoint } from '../document-parts.ts'
import { isCall, type Task } from '../document-tasks.ts'
import { approvalOf, compensationOf } from '../task-metadata.ts'
import type { PlacedTask } from '../walk.ts'
import type { Fault } from './fault.ts'

// What belongs to the language and is not done here. It is refused when it is saved, not when it runs.

const MEMBERS = new Set(['document', 'input', 'use', 'do', 'timeout', 'output', 'schedule'])
const UNSUPPORTED_CALLS = ['asyncapi', 'grpc', 'a2a'] as const
const UNSUPPORTED_RUNS = ['container', 'script', 'shell'] as const

export function unsupportedInTask(
  { task, pointer }: PlacedTask,
  document: WorkflowDocument,
): readonly Fault[] {
  const call = UNSUPPORTED_CALLS.find((each) => isCall(task, each))
  if (call !== undefined)
    return [
      {
        pointer: within(pointer, 'call'),
        detail: `call: ${call} is not available here; http, openapi, mcp and functions are`,
      },
    ]
  if ('run' in task) return runFaults(task.run, pointer)
  if ('emit' in task) return emitFaults(task.emit.event.with?.type, pointer)
  if (isCall(task, 'mcp') && task.with.transport.stdio !== undefined)
    return [
      {
        pointer: within(pointer, 'with', 'transport', 'stdio'),
        detail: 'a workflow starts no programs; use transport.http, or install the server',
      },
    ]
  return authenticationFaults(task, pointer, document)
}

const COMPENSATE = ['metadata', 'tidemark.compensate'] as const

/** Who compensates neither waits for somebody before it begins nor is taken back itself. */
export function compensationFaults({ task, pointer }: PlacedTask): readonly Fault[] {
  const compensation = compensationOf(task)
  if (compensation === undefined) return []
  const place = within(pointer, ...COMPENSATE)
  const nested = pointer.includes(within('', ...COMPENSATE))
    ? [{ pointer: place, detail: 'what takes something back cannot be taken back itself' }]
    : []
  if (approvalOf(compensation) === undefined) return nested
  const asked = within(place, 'metadata', 'tidemark.approve')
  const detail = 'a compensation is done unasked; a task inside its `do` can ask for approval'
  return [...nested, { pointer: asked, detail }]
}

/** Credentials in a definition would be in its events for ever. */
function authenticationFaults(
  task: Task,
  pointer: string,
  document: WorkflowDocument,
): readonly Fault[] {
  const given = authenticationOf(task)
  const path = isCall(task, 'http') ? ['endpoint', 'authentication'] : ['authentication']
  const own =
    given === undefined ? [] : credentialsFaults(document, given, within(pointer, 'with', ...path))
  return [...own, ...otherEndpoints(task, pointer)]
}

function credentialsFaults(
  document: WorkflowDocument,
  given: Parameters<typeof credentialsIn>[1],
  pointer: string,
): readonly Fault[] {
  const found = credentialsIn(document, given)
  if (!('detail' in found)) return []
  // What is wrong with a policy of use.authentications is said there.
  if ('use' in given && found.pointer !== '') return []
  return [{ pointer: `${pointer}${found.pointer}`, detail: found.detail }]
}

/** Where no credentials are sent. */
function otherEndpoints(task: Task, pointer: string): readonly Fault[] {
  const refused = (endpoint: Endpoint | undefined, ...path: readonly string[]): readonly Fault[] =>
    endpoint === undefined || !isAuthenticated(endpoint)
      ? []
      : [
          {
            pointer: within(pointer, 'with', ...path, 'endpoint', 'authentication'),
            detail: 'authentication is not available here',
          },
        ]
  if (isCall(task, 'openapi')) return refused(task.with.document.endpoint, 'document')
  if (isCall(task, 'mcp')) return refused(task.with.transport.http?.endpoint, 'transport', 'http')
  return []
}

function isAuthenticated(endpoint: Endpoint): boolean {
  return typeof endpoint === 'object' && endpoint.authentication !== undefined
}

/** What a type's expression gives is seen when it runs. */
function emitFaults(type: string | undefined, pointer: string): readonly Fault[] {
  if (type !== undefined && (isCustomType(type) || type.trim().startsWith('${'))) return []
  const detail = 'the type of an event that is emitted is custom.<Name>, registered before'
  return [{ pointer: within(pointer, 'emit', 'event', 'with', 'type'), detail }]
}

function runFaults(run: Extract<Task, { readonly run: unknown }>['run'], pointer: string) {
  const kind = UNSUPPORTED_RUNS.find((each) => each in run)
  if (kind === undefined) return []
  return [
    {
      pointer: within(pointer, 'run', kind),
      detail: `run: ${kind} is not available here; only run: workflow is`,
    },
  ]
}

export function unsupportedInDocument(document: WorkflowDocument): readonly Fault[] {
  const unknown = Object.keys(document)
    .filter((member) => !MEMBERS.has(member))
    .map((member) => ({
      pointer: within('', member),
      detail: `"${member}" is not a member that belongs here`,
    }))
  const { authentications = {}, extensions, catalogs } = document.use ?? {}
  const unused = Object.entries({ extensions, catalogs })
    .filter(([, value]) => value !== undefined && Object.keys(value).length > 0)
    .map(([member]) => ({
      pointer: within('/use', member),
      detail: `${member} are not available here`,
    }))
  const policies = Object.entries(authentications).flatMap(([name, policy]) =>
    credentialsFaults(document, policy, within('/use/authentications', name)),
  )
  return [...unknown, ...unused, ...policies, ...dslFaults(document)]
}

function dslFaults({ document: { dsl } }: WorkflowDocument): readonly Fault[] {
  if (/^1\.0\.\d+$/.test(dsl)) return []
  return [{ pointer: '/document/dsl', detail: 'the version of the language here is 1.0.3' }]
}
