import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { usage } from '../failure.ts'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { sessionOf } from '../session.ts'

type Secret = { readonly name: string; readonly origins: readonly string[] }
type SetOptions = { readonly origin: readonly string[]; readonly fromFile?: string }

const PATH = '/v1/workflow-secrets'
const ONE = ['<secret>', 'its name, as `use.secrets` of workflows has it'] as const

const VALUE = `
The value is read from stdin, or from a file, and is never an argument: those are seen by everybody
on the machine. One line break at its end is no part of it.

  tidemark workflow-secrets set orders --origin https://orders.example.com < token.txt
`

export function addWorkflowSecretCommands(program: Command): void {
  const secrets = program
    .command('workflow-secrets')
    .description('what calls of workflows authenticate with')

  secrets
    .command('list', { isDefault: true })
    .description('their names and where they may be sent; nobody is shown a value')
    .action(async (_options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const { items } = await api.get<{ items: readonly Secret[] }>(PATH)
      answer(items, () =>
        printTable(items, [
          { title: 'SECRET', of: ({ name }) => name },
          { title: 'FOR', of: ({ origins }) => origins.join(' ') },
        ]),
      )
    })

  secrets
    .command('set')
    .description('store a secret, or replace its value and where it may be sent')
    .argument(...ONE)
    .requiredOption(
      '--origin <origin>',
      'that it may be sent to, such as https://api.example.com; may be given again',
      (each: string, others: readonly string[] = []) => [...others, each],
    )
    .option('--from-file <file>', 'has the value; by default stdin')
    .addHelpText('after', VALUE)
    .action(async (name: string, { origin, fromFile }: SetOptions, command: Command) => {
      const { api, answer } = sessionOf(command)
      const value = (await valueIn(fromFile)).replace(/\r?\n$/, '')
      const stored = await api.put<object>(pathOf(name), { value, origins: origin })
      answer(stored, () => print(`Stored ${printable(name)}.`))
    })

  secrets
    .command('remove')
    .description('forget a secret; calls that need it fail from now on')
    .argument(...ONE)
    .action(async (name: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const removed = await api.delete<object>(pathOf(name))
      answer(removed, () => print(`Removed ${printable(name)}.`))
    })
}

function pathOf(name: string): string {
  return `${PATH}/${encodeURIComponent(name)}`
}

async function valueIn(file: string | undefined): Promise<string> {
  if (file !== undefined) return readValue(file)
  if (process.stdin.isTTY)
    throw usage('The value comes from stdin or --from-file: typed here, everybody could read it.')
  return await text(process.stdin)
}

function readValue(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw usage(`"${file}" cannot be read.`)
  }
}
