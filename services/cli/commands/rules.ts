import type { Command } from 'commander'
import { stringify } from 'yaml'
import { applyPlan, type PlannedChange, readApplyFiles } from '../apply-files.ts'
import { print, printTable } from '../output.ts'
import { printable, printableLines } from '../printable.ts'
import { allRules, planRules, type Rule, type RuleAnswer, resolveRule } from '../rules.ts'
import { sessionOf } from '../session.ts'
import { addRulePreview } from './rule-preview.ts'

const ONE = ['<rule>', 'its name, or how its id begins'] as const

export function addRuleCommands(program: Command): void {
  const rules = program.command('rules').description('what is to be done when something happens')
  addListing(rules)
  addShowing(rules)
  addApplying(rules)
  addRulePreview(rules)
  addWhy(rules)
  addSwitch(rules, { name: 'enable', description: 'let it act; also one that is suspended' })
  addSwitch(rules, { name: 'disable', description: 'let it do nothing from now on' })
  addRemoving(rules)
}

function addListing(rules: Command): void {
  rules
    .command('list', { isDefault: true })
    .description('all of them')
    .action(async (_options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      answer(await allRules(api), (items) =>
        printTable(items, [
          { title: 'RULE', of: ({ ruleId }) => ruleId.slice(0, 8) },
          { title: 'STATUS', of: ({ status }) => status },
          { title: 'VERSION', of: ({ version }) => version },
          { title: 'EVENTS', of: ({ settings }) => settings.on.join(' ') },
          { title: 'NAME', of: ({ settings }) => settings.name },
        ]),
      )
    })
}

function addShowing(rules: Command): void {
  rules
    .command('show')
    .description('one rule, as a file would say it, and what it did last')
    .argument(...ONE)
    .action(async (word: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const rule = await resolveRule(api, word)
      const { items: actions } = await api.get<{ items: readonly ActionOutcome[] }>(
        `/v1/rules/${rule.ruleId}/actions`,
        { limit: 10 },
      )
      answer({ ...rule, actions }, () => printRule(rule, actions))
    })
}

type ActionOutcome = {
  readonly action: string
  readonly status: string
  readonly cause?: string
  readonly changedAt: string
}

function printRule(rule: Rule, actions: readonly ActionOutcome[]): void {
  const { ruleId, status, reason, version, author, changedAt } = rule
  print(`# ${ruleId}, version ${version}, ${status}, by ${printable(author)}, ${changedAt}`)
  if (reason !== undefined) print(`# suspended: ${printable(reason)}`)
  print(printableLines(stringify(rule.settings).trimEnd()))
  for (const { action, status: became, cause = '', changedAt: at } of actions)
    print(`# ${at}  ${printable(action)}  ${became}  ${printable(cause)}`.trimEnd())
}

function addApplying(rules: Command): void {
  rules
    .command('apply')
    .description('make rules what files say; what would change is shown first; new rules are off')
    .requiredOption('-f, --file <place...>', 'files, and folders with them')
    .option('--yes', 'do not ask')
    .action(async ({ file, yes = false }: { file: string[]; yes?: boolean }, command: Command) => {
      const { api, json, answer } = sessionOf(command)
      const plan: PlannedChange[] = []
      for (const source of readApplyFiles(file)) plan.push(...(await planRules(api, source)))
      const report = await applyPlan(plan, { yes, quiet: json })
      answer(report, ({ applied }) => print(applied ? 'Applied.' : 'Nothing was changed.'))
    })
}

function addWhy(rules: Command): void {
  rules
    .command('why')
    .description('what every rule said about one event, and on which values')
    .argument('<event>', 'its id')
    .action(async (event: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const path = `/v1/rules/evaluations-of/${encodeURIComponent(event)}`
      const { items } = await api.get<{ items: readonly RuleAnswer[] }>(path)
      const rules = new Map((await allRules(api)).map((each) => [each.ruleId, each.settings.name]))
      answer(items, () => {
        if (items.length === 0) print('No rule was asked about it.')
        for (const each of items) printAnswer(each, rules.get(each.ruleId) ?? each.ruleId)
      })
    })
}

function printAnswer({ verdict, version, reason, values }: RuleAnswer, name: string): void {
  print(`${verdict.padEnd(12)}  ${printable(name)}, version ${version}`)
  if (reason !== undefined) print(`  ${printable(reason)}`)
  for (const { path, value } of values)
    print(`  ${printable(path)} = ${printable(JSON.stringify(value))}`)
}

function addSwitch(
  rules: Command,
  { name, description }: { readonly name: 'enable' | 'disable'; readonly description: string },
): void {
  rules
    .command(name)
    .description(description)
    .argument(...ONE)
    .action(async (word: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const { ruleId, settings } = await resolveRule(api, word)
      const done = await api.post<object>(`/v1/rules/${ruleId}/${name}`)
      answer(done, () => print(`${printable(settings.name)} is ${name}d.`))
    })
}

function addRemoving(rules: Command): void {
  rules
    .command('remove')
    .description('end it; its versions and what it did stay in the log')
    .argument(...ONE)
    .action(async (word: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const { ruleId, settings } = await resolveRule(api, word)
      const done = await api.delete<object>(`/v1/rules/${ruleId}`)
      answer(done, () => print(`${printable(settings.name)} is removed.`))
    })
}
