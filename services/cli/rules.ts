import { parseAllDocuments, stringify } from 'yaml'
import { isRecord } from '../../domain/kernel/json.ts'
import type { Api } from './api.ts'
import { naming, type PlannedChange, type SourceFile } from './apply-files.ts'
import { CliError, EXIT, usage } from './failure.ts'
import { printable, printableLines } from './printable.ts'

export type Rule = {
  readonly ruleId: string
  readonly version: number
  readonly status: 'on' | 'off' | 'suspended'
  readonly reason?: string
  readonly author: string
  readonly changedAt: string
  readonly settings: { readonly name: string; readonly on: readonly string[] }
}

export type RuleAnswer = {
  readonly ruleId: string
  readonly version: number
  readonly verdict: string
  readonly reason?: string
  readonly event: { readonly id: string; readonly type: string; readonly subject: string }
  readonly values: readonly { readonly path: string; readonly value: unknown }[]
}

type Applied = {
  readonly ruleId: string
  readonly outcome: 'new' | 'changed' | 'unchanged'
  readonly before?: object
  readonly after: { readonly name: string }
}

const PAGE = 100
/** A document that repeats itself more often is a bomb. */
const MAX_ALIASES = 50

export async function allRules(api: Api): Promise<readonly Rule[]> {
  const found: Rule[] = []
  let cursor: string | undefined
  do {
    const page = await api.get<{ items: readonly Rule[]; nextCursor?: string }>('/v1/rules', {
      ...{ limit: PAGE, cursor },
    })
    found.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return found
}

/**
 * @param word the rule's name, or how its id begins.
 * @throws {CliError} when there is none, or more than one.
 */
export async function resolveRule(api: Api, word: string): Promise<Rule> {
  const rules = await allRules(api)
  const named = rules.filter(({ settings }) => settings.name === word)
  const meant = named.length > 0 ? named : rules.filter(({ ruleId }) => ruleId.startsWith(word))
  const [one] = meant
  if (one !== undefined && meant.length === 1) return one
  if (one === undefined)
    throw new CliError(EXIT.refused, `There is no rule "${printable(word)}": see \`rules list\`.`)
  throw usage(`"${printable(word)}" can be ${meant.length} rules; give more of the id.`)
}

/** The rules that a file holds: documents of YAML, or JSON. @throws {CliError} which names the file. */
export function rulesIn({ file, text }: SourceFile): readonly object[] {
  const documents = parseAllDocuments(text)
  if ('empty' in documents) return []
  return documents.map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw usage(`${printable(file)}: ${printableLines(error.message)}`)
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    if (isRecord(value)) return value
    throw usage(`${printable(file)}: a rule is a mapping.`)
  })
}

/** What the rules of a file would change; nothing is changed. @throws {CliError} which names the file. */
export async function planRules(api: Api, source: SourceFile): Promise<readonly PlannedChange[]> {
  const plan: PlannedChange[] = []
  for (const rule of rulesIn(source)) plan.push(await planRule(api, source.file, rule))
  return plan
}

async function planRule(api: Api, file: string, rule: object): Promise<PlannedChange> {
  const apply = (dryRun: boolean) =>
    naming(file, () => api.post<Applied>('/v1/rules/apply', rule, { dryRun }))
  const { outcome, before, after } = await apply(true)
  return {
    ...{ file, outcome, subject: `rule ${after.name}` },
    before: before === undefined ? '' : textOf(before),
    after: textOf(after),
    perform: () => apply(false),
  }
}

function textOf(settings: object): string {
  return stringify(settings, { sortMapEntries: true })
}
