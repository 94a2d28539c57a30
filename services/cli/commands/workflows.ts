import type { Command } from 'commander'
import { applyPlan, readApplyFiles } from '../apply-files.ts'
import { usage } from '../failure.ts'
import { print, printTable } from '../output.ts'
import { printable, printableLines } from '../printable.ts'
import { sessionOf } from '../session.ts'
import { pathOf, planWorkflow, sourceOf, type Workflow } from '../workflows.ts'

const ONE = ['<workflow>', 'namespace and name, with a dot'] as const

export function addWorkflowCommands(program: Command): void {
  const workflows = program
    .command('workflows')
    .description('what is done in several steps, by itself')
  addListing(workflows)
  addApplying(workflows)
  addShowing(workflows)
  addRunning(workflows)
  addChange(workflows, {
    name: 'enable',
    description: 'let its schedule start runs',
    done: 'enabled',
  })
  addChange(workflows, {
    ...{ name: 'disable', description: 'let its schedule start no runs', done: 'disabled' },
  })
  addRemoval(workflows)
}

function addListing(workflows: Command): void {
  workflows
    .command('list', { isDefault: true })
    .description('all of them')
    .action(async (_options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const { items } = await api.get<{ items: readonly Workflow[] }>('/v1/workflows', {
        limit: 100,
      })
      answer(items, () =>
        printTable(items, [
          { title: 'WORKFLOW', of: ({ workflow }) => workflow },
          { title: 'VERSION', of: ({ version }) => version },
          { title: 'SCHEDULE', of: scheduleOf },
          { title: 'TITLE', of: ({ title }) => title },
        ]),
      )
    })
}

function scheduleOf({ schedule, enabled, timeZone }: Workflow): string {
  if (schedule === undefined) return '-'
  const { cron } = schedule as { readonly cron?: string }
  const when = cron === undefined ? JSON.stringify(schedule) : `${cron} ${timeZone}`
  return enabled ? when : `off (${when})`
}

function addApplying(workflows: Command): void {
  workflows
    .command('apply')
    .description('make workflows what files say; what would change is shown first')
    .requiredOption('-f, --file <place...>', 'files, and folders with them')
    .option('--yes', 'do not ask')
    .option('--disabled', 'schedules of new workflows start nothing yet')
    .action(
      async (
        {
          file,
          yes = false,
          disabled = false,
        }: { file: string[]; yes?: boolean; disabled?: boolean },
        command: Command,
      ) => {
        const { api, json, answer } = sessionOf(command)
        const plan = []
        for (const source of readApplyFiles(file))
          plan.push(await planWorkflow(api, source, !disabled))
        const report = await applyPlan(plan, { yes, quiet: json })
        answer(report, ({ applied }) => print(applied ? 'Applied.' : 'Nothing was changed.'))
      },
    )
}

function addShowing(workflows: Command): void {
  workflows
    .command('show')
    .description('the document as it was written')
    .argument(...ONE)
    .option('--version <version>', 'another one than new runs begin with')
    .option('--diagram <format>', 'a picture in its place: svg or mermaid')
    .action(
      async (
        workflow: string,
        { version, diagram }: { version?: string; diagram?: string },
        command: Command,
      ) => {
        const { api, answer } = sessionOf(command)
        const text =
          diagram === undefined
            ? await sourceOf(api, workflow, version)
            : await (
                await api.open(`${pathOf(workflow)}/diagram`, { version, format: diagram }, {})
              ).text()
        answer({ text }, () => print(printableLines(text.trimEnd())))
      },
    )
}

function addRunning(workflows: Command): void {
  workflows
    .command('run')
    .description('start a run; see what comes of it with `runs watch`')
    .argument(...ONE)
    .option('--input <json>', 'what it begins with', '{}')
    .option('--version <version>', 'another one than the one that was applied last')
    .action(
      async (
        workflow: string,
        { input, version }: { input: string; version?: string },
        command: Command,
      ) => {
        const { api, answer } = sessionOf(command)
        const body = { input: jsonOf(input), ...(version === undefined ? {} : { version }) }
        const started = await api.post<{ runId: string }>(`${pathOf(workflow)}/runs`, body)
        answer(started, ({ runId }) => print(`Run ${printable(runId)} of ${printable(workflow)}.`))
      },
    )
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw usage('--input is not JSON.')
  }
}

function addChange(
  workflows: Command,
  { name, description, done }: { name: string; description: string; done: string },
): void {
  workflows
    .command(name)
    .description(description)
    .argument(...ONE)
    .action(async (workflow: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const changed = await api.post<object>(`${pathOf(workflow)}/${name}`)
      answer(changed, () => print(`${printable(workflow)} is ${done}.`))
    })
}

function addRemoval(workflows: Command): void {
  workflows
    .command('remove')
    .description('no new run begins; runs that have begun go on')
    .argument(...ONE)
    .action(async (workflow: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const removed = await api.delete<object>(pathOf(workflow))
      answer(removed, () => print(`Removed ${printable(workflow)}.`))
    })
}
