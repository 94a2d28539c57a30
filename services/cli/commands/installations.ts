import type { Command } from 'commander'
import { parseServer, type SettingOptions, settingsOf } from '../install-request.ts'
import {
  type Accepted,
  allInstallations,
  type Installation,
  resolveInstallation,
  statusOf,
  untilSettled,
} from '../installations.ts'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { showProgress } from '../progress.ts'
import { resolveServer } from '../server-names.ts'
import { type Session, sessionOf } from '../session.ts'

type InstallOptions = SettingOptions & { readonly source?: string }
type UpdateOptions = SettingOptions & { readonly to?: string; readonly allowBreaking?: true }

/** What the server is given; an update keeps what is not said again. */
function withSettings(command: Command): Command {
  return command
    .option('--env <name=value...>', 'environment variables, or headers of a remote server')
    .option('--arg <name=value...>', 'command line arguments')
    .option('--var <name=value...>', 'variables of a remote address')
    .option('--secret <name...>', 'secrets, taken from environment variables of the same name')
    .option('--network <reach>', 'none or full')
}

export function addInstallationCommands(program: Command): void {
  withSettings(program.command('install'))
    .description('install a server of the catalogue')
    .argument('<server>', 'its name or the end of it, with @version for another than the newest')
    .option('--source <source>', 'where it is listed, when several list it')
    .action(async (server: string, options: InstallOptions, command: Command) => {
      const session = sessionOf(command)
      const wanted = parseServer(server)
      const accepted = await session.api.post<Accepted>('/v1/installations', {
        ...wanted,
        server: await resolveServer(session.api, wanted.server),
        ...(options.source === undefined ? {} : { source: options.source }),
        configuration: settingsOf(options, process.env),
      })
      await follow(session, `Installing ${server}`, accepted)
    })

  program
    .command('list')
    .description('what is installed')
    .option('--all', 'also what was uninstalled')
    .action(async (options: { all?: true }, command: Command) => {
      const { api, answer } = sessionOf(command)
      const all = await allInstallations(api)
      const shown = options.all ? all : all.filter(({ status }) => status !== 'uninstalled')
      answer(shown, (items) =>
        printTable(items, [
          { title: 'ID', of: ({ installationId }) => installationId.slice(0, 8) },
          { title: 'SERVER', of: ({ server }) => server },
          { title: 'VERSION', of: ({ version, requestedVersion }) => version ?? requestedVersion },
          { title: 'STATUS', of: statusOf },
          { title: 'UPDATE', of: ({ update }) => update?.version ?? '' },
          { title: 'TOOLS', of: ({ tools }) => tools.join(' ') },
        ]),
      )
    })

  withSettings(program.command('update'))
    .description('update to a newer version; the old one is kept to roll back to')
    .argument('<installation>', 'id, beginning of an id, or server name')
    .option('--to <version>', 'by default the newest')
    .option('--allow-breaking', 'also to a version that can break who uses the server')
    .action(async (word: string, options: UpdateOptions, command: Command) => {
      const session = sessionOf(command)
      const configuration = settingsOf(options, process.env)
      const id = await resolveInstallation(session.api, word)
      const accepted = await session.api.post<Accepted>(`/v1/installations/${id}/update`, {
        ...(options.to === undefined ? {} : { version: options.to }),
        ...(options.allowBreaking ? { allowBreaking: true } : {}),
        ...(Object.keys(configuration).length === 0 ? {} : { configuration }),
      })
      await follow(session, `Updating ${word}`, accepted)
    })

  program
    .command('rollback')
    .description('return to a kept version')
    .argument('<installation>', 'id, beginning of an id, or server name')
    .argument('[version]', 'by default the one before')
    .action(
      async (word: string, version: string | undefined, _options: unknown, command: Command) => {
        const { api, answer } = sessionOf(command)
        const id = await resolveInstallation(api, word)
        const done = await api.post<Accepted & { version: string }>(
          `/v1/installations/${id}/rollback`,
          version === undefined ? {} : { version },
        )
        answer(done, () => print(`Version ${printable(done.version)} is active again.`))
      },
    )

  for (const { name, description } of [
    { name: 'quarantine', description: 'do not start this version of a server any more' },
    { name: 'stop', description: 'stop a server, whatever version comes, until `tidemark lift`' },
  ])
    program
      .command(name)
      .description(description)
      .argument('<installation>', 'id, beginning of an id, or server name')
      .requiredOption('--cause <sentence>', 'why, for whoever finds it stopped')
      .action(async (word: string, { cause }: { readonly cause: string }, command: Command) => {
        const { api, answer } = sessionOf(command)
        const id = await resolveInstallation(api, word)
        const done = await api.post<{ position: string }>(`/v1/installations/${id}/${name}`, {
          cause,
        })
        answer(done, () => print(`${printable(word)} is not started any more.`))
      })

  program
    .command('lift')
    .description(
      'end the quarantine of a server that kept dying or was stopped: it may start again',
    )
    .argument('<installation>', 'id, beginning of an id, or server name')
    .action(async (word: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const id = await resolveInstallation(api, word)
      const done = await api.post<{ position: string }>(
        `/v1/installations/${id}/quarantine/lift`,
        {},
      )
      answer(done, () => print(`${printable(word)} may start again, with its next call.`))
    })

  program
    .command('uninstall')
    .description('remove its versions and secrets; its history stays')
    .argument('<installation>', 'id, beginning of an id, or server name')
    .action(async (word: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const id = await resolveInstallation(api, word)
      const done = await api.delete<Accepted>(`/v1/installations/${id}`)
      answer(done, () => print(`Uninstalled ${printable(word)}.`))
    })
}

async function follow(session: Session, title: string, accepted: Accepted): Promise<void> {
  const startedAt = performance.now()
  const [settled] = await showProgress(session, [
    {
      title,
      async run(show) {
        const result = await untilSettled(session.api, accepted, show)
        return { title: settledLine(result, performance.now() - startedAt), result }
      },
    },
  ])
  session.answer(settled, () => {})
}

function settledLine({ server, version, tools, installationId }: Installation, ms: number): string {
  const time = `${(ms / 1_000).toFixed(1)} s`
  return `${server} ${version ?? ''} is active after ${time} with ${tools.length} tools (${installationId})`
}
