import type { Command } from 'commander'
import { CliError, EXIT } from '../failure.ts'
import { resolveInstallation } from '../installations.ts'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { showProgress } from '../progress.ts'
import { sessionOf } from '../session.ts'
import { summaryOf, type Verification, verify } from '../verification.ts'

type Then = {
  readonly at: string
  readonly installation: Readonly<Record<string, unknown>>
  readonly events: readonly {
    readonly type: string
    readonly time: string
    readonly actorid: string
  }[]
}

export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('what was true when, and whether it is proved')

  audit
    .command('verify')
    .description('rebuild every read model from the log and compare it row by row')
    .action(async (_options: unknown, command: Command) => {
      const session = sessionOf(command)
      const [verification] = await showProgress(session, [
        {
          title: 'Rebuilding the read models',
          async run(show) {
            const result = await verify(session.api, show)
            return { title: summaryOf(result), result }
          },
        },
      ])
      if (verification === undefined) return
      session.answer(verification, printVerification)
      if (!verification.identical)
        throw new CliError(EXIT.fault, 'The read models are not what the log says.')
    })

  audit
    .command('show')
    .description('an installation as it was at a moment')
    .argument('<installation>', 'id, beginning of an id, or server name')
    .option('--at <time>', 'ISO 8601; by default now')
    .action(async (word: string, options: { at?: string }, command: Command) => {
      const { api, answer } = sessionOf(command)
      const id = await resolveInstallation(api, word)
      const then = await api.get<Then>(`/v1/audit/installations/${id}`, { at: options.at })
      answer(then, ({ at, installation, events }) => {
        const { serverName, version, status } = installation
        print(
          [serverName, version ?? '', status, 'at', at].map(printable).filter(Boolean).join(' '),
        )
        printTable(events, [
          { title: 'WHEN', of: ({ time }) => time },
          { title: 'WHAT', of: ({ type }) => type },
          { title: 'WHO', of: ({ actorid }) => actorid },
        ])
      })
    })
}

function printVerification({ readModels }: Verification): void {
  printTable(readModels, [
    { title: 'READ MODEL', of: ({ readModel }) => readModel },
    { title: 'VERDICT', of: ({ verdict }) => verdict },
    { title: 'ROWS', of: ({ tables }) => tables.reduce((sum, { rows }) => sum + rows, 0) },
    { title: 'DIFFERENT', of: ({ tables }) => tables.reduce((sum, t) => sum + t.differences, 0) },
    { title: 'STOPPED', of: ({ stopped }) => stopped ?? '' },
  ])
}
