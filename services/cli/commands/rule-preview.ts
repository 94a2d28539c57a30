import type { Command } from 'commander'
import { readApplyFiles } from '../apply-files.ts'
import { usage } from '../failure.ts'
import { print, printTable } from '../output.ts'
import { showProgress } from '../progress.ts'
import { LINES, reported } from '../reported.ts'
import { allRules, type Rule, resolveRule, rulesIn } from '../rules.ts'
import { type Session, sessionOf } from '../session.ts'

type PreviewOptions = { file?: string; from?: string; to?: string; limit: string }

type Verdict = {
  readonly time: string
  readonly verdict: string
  readonly eventType: string
  readonly subject: string
  readonly reason?: string
  readonly values?: readonly { readonly path: string; readonly value: unknown }[]
  readonly actions?: readonly {
    readonly command?: string
    readonly webhookId?: string
    readonly parameters?: unknown
  }[]
}

type Difference = { readonly count: number; readonly positions: readonly string[] }

type Comparison = {
  readonly versions: readonly number[]
  readonly both: number
  readonly onlyNow: Difference
  readonly onlyThen: Difference
}

type Preview = {
  readonly complete: boolean
  readonly events: number
  readonly counts: Readonly<Record<string, number>>
  readonly shown: readonly Verdict[]
  readonly comparison?: Comparison
}

export function addRulePreview(rules: Command): void {
  rules
    .command('preview')
    .description('what a rule, or a file of one, would have done; nothing is done')
    .argument('[rule]', 'its name, or how its id begins; by default the one that the file names')
    .option('-f, --file <file>', 'the rule as it is to be')
    .option('--from <instant>', 'first moment, such as 2026-01-02T00:00:00Z')
    .option('--to <instant>', 'last moment')
    .option('--limit <count>', 'answers that are shown', '20')
    .action(async (word: string | undefined, options: PreviewOptions, command: Command) => {
      const session = sessionOf(command)
      const asked = await questionOf(session, word, options)
      const [preview] = await showProgress(session, [
        {
          title: 'Asking the rule about what happened',
          async run(show) {
            const response = await session.api.open('/v1/rules/preview', {}, LINES, 'POST', asked)
            const result = await reported<Preview>(response, show)
            return { title: summaryOf(result), result }
          },
        },
      ])
      if (preview !== undefined) session.answer(preview, printPreview)
    })
}

async function questionOf(
  { api }: Session,
  word: string | undefined,
  { file, from, to, limit }: PreviewOptions,
): Promise<object> {
  if (word === undefined && file === undefined) throw usage('Which rule, or which file?')
  if (!/^\d{1,4}$/.test(limit)) throw usage('--limit is a whole number.')
  const [given] = file === undefined ? [] : readApplyFiles([file]).flatMap(rulesIn)
  const known =
    word === undefined ? named(await allRules(api), given) : await resolveRule(api, word)
  return {
    settings: given ?? known?.settings,
    ...(known === undefined ? {} : { ruleId: known.ruleId }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    limit: Number(limit),
  }
}

function named(rules: readonly Rule[], given: object | undefined): Rule | undefined {
  if (given === undefined || !('name' in given)) return undefined
  return rules.find(({ settings }) => settings.name === given.name)
}

function summaryOf({ complete, events, counts }: Preview): string {
  const verdicts = Object.entries(counts).map(([verdict, count]) => `${count} ${verdict}`)
  const said = verdicts.length === 0 ? 'none concerns it' : verdicts.join(', ')
  return `${events} events: ${said}${complete ? '' : '; there are more'}`
}

function printPreview({ shown, comparison }: Preview): void {
  if (comparison !== undefined) printComparison(comparison)
  if (shown.length === 0) return
  printTable(shown, [
    { title: 'TIME', of: ({ time }) => time },
    { title: 'VERDICT', of: ({ verdict }) => verdict },
    { title: 'EVENT', of: ({ eventType }) => eventType },
    { title: 'SUBJECT', of: ({ subject }) => subject },
    { title: 'WOULD DO', of: actionsOf },
    { title: 'WHY', of: reasonOf },
  ])
}

function printComparison({ versions, both, onlyNow, onlyThen }: Comparison): void {
  if (versions.length === 0) {
    print('The rule was never asked about these events.')
    return
  }
  const places = ({ count, positions }: Difference) =>
    count === 0 ? '0' : `${count} (${positions.map((each) => `#${each}`).join(' ')})`
  print(
    `Matched by version ${versions.join(', ')} then, and so: ${both}; ` +
      `only then: ${places(onlyThen)}; only so: ${places(onlyNow)}`,
  )
}

function actionsOf({ actions = [] }: Verdict): string {
  const said = actions.map(({ command, webhookId, parameters }) =>
    [command ?? `webhook ${webhookId}`, JSON.stringify(parameters ?? {})].join(' '),
  )
  return said.length === 0 ? '-' : said.join('; ')
}

function reasonOf({ reason, values = [] }: Verdict): string {
  return reason ?? values.map(({ path, value }) => `${path} = ${JSON.stringify(value)}`).join(', ')
}
