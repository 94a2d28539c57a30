import type { Json } from '../../domain/kernel/json.ts'
import { remembered } from '../../domain/kernel/remembered.ts'
import {
  isKnownWorkflow,
  type WorkflowName,
  type WorkflowState,
  workflow,
  workflowId,
  workflowStream,
} from '../../domain/workflows/definition.ts'
import type { Program } from '../../domain/workflows/run/program.ts'
import { load } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import { compileSchema, violationOf } from './author-schemas.ts'

const MAX_PROGRAMS = 200
const MAX_SCHEMAS = 500

/** Versions of workflows, ready to be run. */
export type Programs = {
  /**
   * What new runs begin with.
   *
   * @param version by default the one that was applied last; `latest` means it, too.
   * @throws {ProblemError} 404 `workflow-not-found`, 409 `workflow-removed`.
   */
  readonly forNewRun: (tenantId: string, name: WorkflowName, version?: string) => Promise<Program>
  /** @throws {ProblemError} 404 `workflow-not-found`. */
  readonly ofRun: (tenantId: string, name: WorkflowName, version: string) => Promise<Program>
}

export function createPrograms(events: EventStore): Programs {
  const known = new Map<string, Promise<Program>>()
  const violation = createViolation()

  async function stateOf(tenantId: string, name: WorkflowName): Promise<WorkflowState> {
    const { state } = await load(events, workflow, workflowStream(tenantId, name))
    return state
  }

  function programIn(state: WorkflowState, name: WorkflowName, version: string): Program {
    const found = state.versions.get(version)
    if (found === undefined)
      throw problem(
        404,
        'workflow-not-found',
        `There is no version "${version}" of the workflow "${workflowId(name)}".`,
      )
    return { document: found.document, hash: found.hash, violation }
  }

  return {
    async forNewRun(tenantId, name, version = 'latest') {
      const state = await stateOf(tenantId, name)
      if (state.status === 'removed')
        throw problem(409, 'workflow-removed', `The workflow "${workflowId(name)}" was removed.`)
      if (!isKnownWorkflow(state))
        throw problem(404, 'workflow-not-found', `There is no workflow "${workflowId(name)}".`)
      return programIn(state, name, version === 'latest' ? state.current : version)
    },

    ofRun(tenantId, name, version) {
      const key = JSON.stringify([tenantId, name.namespace, name.name, version])
      const before = known.get(key)
      if (before !== undefined) return before
      if (known.size >= MAX_PROGRAMS) known.clear()
      const program = stateOf(tenantId, name).then((state) => programIn(state, name, version))
      known.set(key, program)
      // A version means one document for ever; that it could not be read may be over next time.
      program.catch(() => known.delete(key))
      return program
    },
  }
}

/** JSON Schemas of authors, compiled once each. */
function createViolation(): Program['violation'] {
  const compiled = new Map<string, ReturnType<typeof compileSchema>>()

  return (schema, value: Json) => {
    const validate = remembered(compiled, MAX_SCHEMAS, JSON.stringify(schema), () =>
      compileSchema(schema),
    )
    if (typeof validate === 'string') return `The schema cannot be used: ${validate}.`
    return validate(value) ? undefined : violationOf(validate)
  }
}
