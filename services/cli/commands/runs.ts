import type { Command } from 'commander'
import { CliError, EXIT, usage } from '../failure.ts'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { type ListedRun, type RunStep, runPath, stepsOf, watchRun } from '../runs.ts'
import { sessionOf } from '../session.ts'

const ONE = ['<run>', 'its id, or how it begins'] as const

export function addRunCommands(program: Command): void {
  const runs = program.command('runs').description('runs of workflows')
  addListing(runs)
  addShowing(runs)
  addWatching(runs)
  for (const [name, description, done] of [
    ['cancel', 'begin nothing new, and take back what was done', 'is being cancelled'],
    ['suspend', 'begin nothing new for now', 'is suspended'],
    ['resume', 'go on', 'goes on'],
  ] as const)
    addOperation(runs, { name, description, done })
  addRetrying(runs)
}

function addListing(runs: Command): void {
  runs
    .command('list', { isDefault: true })
    .description('the newest ones')
    .option('--workflow <workflow>', 'only of this one')
    .option('--status <status>', 'running, ending, completed, faulted or cancelled')
    .option('--limit <count>', 'so many', '30')
    .action(async (query: Record<string, string>, command: Command) => {
      const { api, answer } = sessionOf(command)
      const { items } = await api.get<{ items: readonly ListedRun[] }>('/v1/workflow-runs', query)
      answer(items, () =>
        printTable(items, [
          { title: 'RUN', of: ({ runId }) => runId },
          { title: 'STATUS', of: ({ status, suspended }) => (suspended ? 'suspended' : status) },
          { title: 'STARTED', of: ({ startedAt }) => startedAt },
          { title: 'BY', of: ({ trigger }) => trigger },
          { title: 'WORKFLOW', of: ({ workflow, version }) => `${workflow} ${version}` },
        ]),
      )
    })
}

function addShowing(runs: Command): void {
  runs
    .command('show')
    .description('what it did, step by step')
    .argument(...ONE)
    .action(async (called: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const path = await runPath(api, called)
      const run = await api.get<ListedRun & { output?: unknown; error?: unknown }>(path)
      const steps = await stepsOf(api, path)
      answer({ ...run, steps }, () => {
        const { workflow, version, status, output, error } = run
        print(`${printable(workflow)} ${printable(version)}: ${printable(status)}`)
        printTable(steps, [
          { title: 'STEP', of: ({ step }) => step },
          { title: 'TASK', of: ({ task }) => task },
          { title: 'STATE', of: ({ state }) => state },
          { title: 'ATTEMPT', of: ({ attempt }) => attempt ?? '-' },
          { title: 'BEGAN', of: ({ startedAt }) => startedAt ?? '-' },
          { title: 'RESULT', of: resultOf },
        ])
        if (output !== undefined) print(`Output: ${printable(JSON.stringify(output))}`)
        if (error !== undefined) print(`Error: ${printable(JSON.stringify(error))}`)
      })
    })
}

function resultOf({ output, error }: RunStep): string {
  const result = error ?? output
  return result === undefined ? '-' : JSON.stringify(result)
}

function addWatching(runs: Command): void {
  runs
    .command('watch')
    .description('what it does, from its beginning until it ends')
    .argument(...ONE)
    .action(async (called: string, _options: unknown, command: Command) => {
      const { api, json } = sessionOf(command)
      let end = ''
      for await (const { type, time, data, subject } of watchRun(api, await runPath(api, called))) {
        const { reference = '', step = '' } = data as { reference?: string; step?: number }
        if (json) print(JSON.stringify({ type, time, subject, data }))
        else print([time, type, step, reference].map(printable).join('  ').trimEnd())
        end = type
      }
      if (end !== 'RunCompleted') throw new CliError(EXIT.fault, 'The run did not complete.')
    })
}

function addOperation(
  runs: Command,
  { name, description, done }: { name: string; description: string; done: string },
): void {
  runs
    .command(name)
    .description(description)
    .argument(...ONE)
    .action(async (called: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const given = await api.post<object>(`${await runPath(api, called)}/${name}`)
      answer(given, () => print(`The run ${done}.`))
    })
}

function addRetrying(runs: Command): void {
  runs
    .command('retry')
    .description('go on with a run that faulted or was cancelled')
    .argument(...ONE)
    .option('--step <number>', 'from this step, as `runs show` numbers it; else from the last one')
    .action(async (called: string, { step }: { step?: string }, command: Command) => {
      const { api, answer } = sessionOf(command)
      if (step !== undefined && !/^[1-9]\d{0,8}$/.test(step)) throw usage('--step is a number.')
      const body = step === undefined ? {} : { step: Number(step) }
      const given = await api.post<object>(`${await runPath(api, called)}/retry`, body)
      answer(given, () => print('The run goes on.'))
    })
}
