import { accept, type Decision, reject } from '../../kernel/decider.ts'
import type { RunEvent } from '../run-events.ts'
import { timeoutOf } from './begin.ts'
import type { RunCommand, RunRejection } from './commands.ts'
import { requireFit, transform } from './evaluate.ts'
import { evolve } from './evolve.ts'
import { errorOf } from './fault.ts'
import type { OpenStep, Run, RunState } from './state.ts'

type Decided = Decision<RunEvent, RunRejection>
type StartRun = Extract<RunCommand, { readonly type: 'StartRun' }>

/** Only what says whether it can be started is evaluated: the rest is done by who drives the run. */
export function start(state: RunState, command: StartRun): Decided {
  if (state.status !== 'absent')
    return reject('conflict', 'run-exists', 'There is a run with this id already.')
  const { runId, owner, trigger, parent, depth, input, surroundings } = command
  const { program, now } = surroundings
  const { document, input: shape, timeout } = program.document
  const { namespace, name, version } = document
  const data = {
    ...{ runId, namespace, name, version, documentHash: program.hash },
    owner: { actorId: owner.actorId, scopes: [...owner.scopes] },
    ...{ trigger, depth, input, startedAt: now },
    ...(parent === undefined ? {} : { parent }),
  }
  const run = evolve(state, { type: 'WorkflowRunStarted', data }) as Run
  const place = { ...surroundings, run, step: run.open.get(0) as OpenStep }
  try {
    requireFit(program, shape?.schema, input)
    const transformed = transform(place, { transformation: shape?.from }, input)
    const deadline = timeoutOf(place, timeout, transformed)
    return accept({
      type: 'WorkflowRunStarted',
      data: {
        ...data,
        ...(shape?.from === undefined ? {} : { transformed }),
        ...(deadline === undefined ? {} : { deadline }),
      },
    })
  } catch (error) {
    const { detail = 'It does not fit.' } = errorOf(error)
    return reject('invalid', 'run-input-invalid', `The input of the run: ${detail}`)
  }
}
