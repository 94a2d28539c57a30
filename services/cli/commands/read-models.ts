import type { Command } from 'commander'
import { CliError, EXIT } from '../failure.ts'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { showProgress } from '../progress.ts'
import {
  allReadModels,
  barOf,
  type ReadModel,
  readModelPath,
  rebuildReadModel,
  rebuildSummary,
} from '../read-models.ts'
import { sessionOf } from '../session.ts'
import { summaryOf, type Verification, verify } from '../verification.ts'

export function addReadModelCommands(program: Command): void {
  const readModels = program
    .command('readmodels')
    .description('what queries see: how far it is, made anew, proved')

  readModels
    .command('list', { isDefault: true })
    .description('all of them, with how far they are')
    .action(async (_options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      answer(await allReadModels(api), printReadModels)
    })

  readModels
    .command('rebuild')
    .description('make the rows anew from the log, beside the ones that queries see')
    .argument('<name...>')
    .action(async (names: readonly string[], _options: unknown, command: Command) => {
      const session = sessionOf(command)
      const rebuilt = await showProgress(
        session,
        names.map((name) => ({
          title: `Rebuilding ${name}`,
          async run(show) {
            const result = await rebuildReadModel(session.api, name, show)
            return { title: rebuildSummary(result), result }
          },
        })),
      )
      session.answer(rebuilt, () => {})
    })

  readModels
    .command('compare')
    .description('make the rows a second time and compare them with the ones that queries see')
    .argument('<name>')
    .action(async (name: string, _options: unknown, command: Command) => {
      const session = sessionOf(command)
      const [comparison] = await showProgress(session, [
        {
          title: `Comparing ${name}`,
          async run(show) {
            const result = await verify(session.api, show, readModelPath(name, 'comparison'))
            return { title: summaryOf(result), result }
          },
        },
      ])
      if (comparison === undefined) return
      session.answer(comparison, printDifferences)
      if (!comparison.identical)
        throw new CliError(EXIT.fault, `${name} is not what the log says; rebuild it.`)
    })
}

function printReadModels(readModels: readonly ReadModel[]): void {
  printTable(readModels, [
    { title: 'READ MODEL', of: ({ readModel }) => readModel },
    { title: 'VERSION', of: versionOf },
    { title: 'STATE', of: ({ state }) => state },
    { title: 'POSITION', of: ({ position }) => position },
    { title: 'LAG', of: ({ lag }) => lag },
    { title: 'PARKED STREAMS', of: ({ parkedStreams }) => parkedStreams },
    { title: 'REBUILD', of: rebuildOf },
  ])
}

function versionOf({ version, programVersion }: ReadModel): string {
  return version === programVersion ? `${version}` : `${version} (this program: ${programVersion})`
}

function rebuildOf({ rebuild, lastRequest, cause }: ReadModel): string {
  if (rebuild !== undefined) return barOf(rebuild)
  if (lastRequest?.status === 'owed') return 'waiting for the projector'
  return cause ?? ''
}

function printDifferences({ readModels }: Verification): void {
  for (const { tables, verdict, stopped } of readModels) {
    if (verdict === 'not-verified') print('There are no rows of this version yet.')
    if (stopped !== null) print(`It stands still: ${printable(stopped)}`)
    for (const { table, rows, differences, examples } of tables) {
      print(`${table}: ${rows} rows, ${differences} different`)
      for (const { kind, key } of examples)
        print(`  ${kind.padEnd('different'.length)}  ${printable(JSON.stringify(key))}`)
      if (differences > examples.length) print(`  and ${differences - examples.length} more`)
    }
  }
}
