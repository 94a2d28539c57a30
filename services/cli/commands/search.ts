import type { Command } from 'commander'
import { print, printTable } from '../output.ts'
import { sessionOf } from '../session.ts'

type Service = {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly packageTypes: readonly string[]
}

type Found = { readonly data: readonly Service[]; readonly meta: { readonly total: number } }

type SearchOptions = {
  readonly limit: string
  readonly packageType?: string
  readonly transport?: string
  readonly source?: string
}

export function addSearchCommand(program: Command): void {
  program
    .command('search')
    .description('find a server by what it is called or does; misspellings are forgiven')
    .argument('<words...>')
    .option('--limit <number>', 'at most so many', '20')
    .option('--package-type <type>', 'npm, pypi, oci, …')
    .option('--transport <transport>', 'stdio, streamable-http or sse')
    .option('--source <source>', 'only of this source')
    .action(async (words: readonly string[], options: SearchOptions, command: Command) => {
      const { api, answer } = sessionOf(command)
      const found = await api.get<Found>('/v1/services/search', {
        q: words.join(' '),
        limit: options.limit,
        packageType: options.packageType,
        transport: options.transport,
        source: options.source,
      })
      answer(found, ({ data, meta }) => {
        if (data.length === 0) return print('Nothing was found; try fewer or other words.')
        printTable(data, [
          { title: 'SERVER', of: ({ name }) => name },
          { title: 'VERSION', of: ({ version }) => version },
          { title: 'PACKAGE', of: ({ packageTypes }) => packageTypes.join(' ') || 'remote' },
          { title: 'DOES', of: ({ description }) => description },
        ])
        if (meta.total > data.length) print(`… of ${meta.total}; --limit shows more.`)
      })
    })
}
