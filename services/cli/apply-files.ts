import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline/promises'
import { createTwoFilesPatch } from 'diff'
import { CliError, EXIT, RefusedError, usage } from './failure.ts'
import { print } from './output.ts'
import { printable, printableLines } from './printable.ts'

// `apply -f`: files and folders of documents, what they would change, and then the change.

const ENDINGS = ['.yaml', '.yml', '.json']
const MAX_FILES = 1_000

export type SourceFile = { readonly file: string; readonly text: string }

/** What applying a file would do. */
export type PlannedChange = {
  readonly file: string
  /** What it is about, such as a workflow with its version. */
  readonly subject: string
  readonly outcome: 'new' | 'changed' | 'unchanged'
  readonly before: string
  readonly after: string
  readonly perform: () => Promise<unknown>
}

/**
 * Files as they are named, and of folders everything that ends like a document, by name.
 *
 * @throws {CliError} when there is none, or one cannot be read.
 */
export function readApplyFiles(places: readonly string[]): readonly SourceFile[] {
  const files = places.flatMap(filesAt)
  if (files.length === 0) throw usage(`There is no ${ENDINGS.join(', ')} file there.`)
  if (files.length > MAX_FILES) throw usage(`These are more than ${MAX_FILES} files.`)
  return files.map((file) => ({ file, text: orRefused(file, () => readFileSync(file, 'utf8')) }))
}

function filesAt(place: string): readonly string[] {
  return orRefused(place, () => {
    if (!statSync(place).isDirectory()) return [place]
    return readdirSync(place, { recursive: true, encoding: 'utf8' })
      .filter((name) => ENDINGS.some((ending) => name.endsWith(ending)))
      .sort()
      .map((name) => path.join(place, name))
      .filter((file) => statSync(file).isFile())
  })
}

function orRefused<Result>(place: string, read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    const { code = 'an error' } = error as { readonly code?: string }
    throw new CliError(EXIT.usage, `"${place}" cannot be read (${code}).`)
  }
}

export type ApplyReport = {
  readonly items: readonly Pick<PlannedChange, 'file' | 'subject' | 'outcome'>[]
  readonly applied: boolean
}

/**
 * Shows what would change, asks unless `yes`, and changes it, in order.
 *
 * @param quiet nothing is shown, for answers as JSON.
 * @throws {CliError} when nobody can be asked; whatever a change throws.
 */
export async function applyPlan(
  plan: readonly PlannedChange[],
  { yes, quiet }: { readonly yes: boolean; readonly quiet: boolean },
): Promise<ApplyReport> {
  if (!quiet) for (const change of plan) show(change)
  const changes = plan.filter(({ outcome }) => outcome !== 'unchanged')
  const items = plan.map(({ file, subject, outcome }) => ({ file, subject, outcome }))
  if (changes.length === 0) return { items, applied: false }
  if (!yes && !(await isAgreed(changes.length))) return { items, applied: false }
  for (const { perform } of changes) await perform()
  return { items, applied: true }
}

function show({ file, subject, outcome, before, after }: PlannedChange): void {
  print(`${outcome.padEnd(9)}  ${printable(subject)}  ${printable(file)}`)
  if (outcome !== 'changed') return
  const patch = createTwoFilesPatch('now', 'then', before, after, '', '', { context: 2 })
  print(printableLines(patch.split('\n').slice(3).join('\n').trimEnd()))
}

async function isAgreed(count: number): Promise<boolean> {
  if (!process.stdin.isTTY) throw usage('Nobody can be asked here: add --yes to apply this.')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`Apply ${count === 1 ? 'it' : `these ${count}`}? [y/N] `)
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}

/** Does `work`; a refusal says of which file it is. */
export async function naming<Result>(file: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    throw new CliError(error.exitCode, `${printable(file)}: ${error.message}`)
  }
}
