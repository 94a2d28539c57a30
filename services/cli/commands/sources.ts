import path from 'node:path'
import type { Command } from 'commander'
import type { Api } from '../api.ts'
import { usage } from '../failure.ts'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { showProgress } from '../progress.ts'
import { sessionOf } from '../session.ts'
import { allSources, syncSource, syncSummary } from '../sources.ts'

type AddOptions = { readonly id?: string; readonly name?: string }

export function addSourceCommands(program: Command): void {
  const sources = program.command('sources').description('the registries that are mirrored')

  sources
    .command('list', { isDefault: true })
    .description('all of them, with how they are')
    .action(async (_options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      answer(await allSources(api), (items) =>
        printTable(items, [
          { title: 'SOURCE', of: ({ sourceId }) => sourceId },
          { title: 'STATUS', of: ({ status }) => status },
          { title: 'LAST SYNC', of: ({ lastCompletedAt }) => lastCompletedAt ?? '-' },
          { title: 'NAME', of: ({ name }) => name },
          { title: 'LOCATION', of: ({ location }) => location },
        ]),
      )
    })

  sources
    .command('add')
    .description('mirror a registry, or a snapshot of one')
    .argument('<location>', 'base URL of a registry, or a snapshot file on the server')
    .option('--id <id>', 'short name, for other commands')
    .option('--name <name>', 'what people see')
    .action(async (location: string, options: AddOptions, command: Command) => {
      const { api, answer } = sessionOf(command)
      const added = await api.post<{ sourceId: string }>(
        '/v1/registry/sources',
        newSource(location, options),
      )
      answer(added, ({ sourceId }) =>
        print(`Added ${printable(sourceId)}; its first sync begins now.`),
      )
    })

  sources
    .command('remove')
    .description('stop mirroring; what was installed from it stays')
    .argument('<source>')
    .action(async (sourceId: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const removed = await api.delete<object>(
        `/v1/registry/sources/${encodeURIComponent(sourceId)}`,
      )
      answer(removed, () => print(`Removed ${printable(sourceId)}.`))
    })

  program
    .command('sync')
    .description('bring the mirror up to date now')
    .argument('[source]', 'by default all of them')
    .action(async (sourceId: string | undefined, _options: unknown, command: Command) => {
      const session = sessionOf(command)
      const ids = sourceId === undefined ? await idsOfAll(session.api) : [sourceId]
      const synced = await showProgress(
        session,
        ids.map((id) => ({
          title: `Syncing ${id}`,
          async run(show) {
            const result = await syncSource(session.api, id, show)
            return { title: syncSummary(result), result }
          },
        })),
      )
      session.answer(synced, () => {})
    })
}

async function idsOfAll(api: Api): Promise<readonly string[]> {
  return (await allSources(api)).map(({ sourceId }) => sourceId)
}

function newSource(location: string, { id, name }: AddOptions) {
  const isAddress = /^https?:\/\//i.test(location)
  if (isAddress && !URL.canParse(location)) throw usage(`"${location}" is not an address.`)
  if (!isAddress && /^[a-z][a-z0-9+.-]*:\/\//i.test(location))
    throw usage('A registry has an http address; anything else is a file.')
  return {
    kind: isAddress ? 'official' : 'file',
    location: isAddress ? location : path.resolve(location),
    name: name ?? id ?? (isAddress ? new URL(location).host : path.basename(location)),
    ...(id === undefined ? {} : { sourceId: id }),
  }
}
