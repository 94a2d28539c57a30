import type { Command } from 'commander'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { resolveServer } from '../server-names.ts'
import { sessionOf } from '../session.ts'
import type { Usage } from '../usage.ts'

export function addStatsCommand(program: Command): void {
  program
    .command('stats')
    .description('calls, errors and durations of a server, by tool')
    .argument('<server>', 'its name or the end of it')
    .option('--from <day>', 'YYYY-MM-DD; by default 29 days before --to')
    .option('--to <day>', 'YYYY-MM-DD; by default today')
    .action(async (server: string, options: { from?: string; to?: string }, command: Command) => {
      const { api, answer } = sessionOf(command)
      const name = await resolveServer(api, server)
      const path = `/v1/analytics/services/${encodeURIComponent(name)}`
      answer(await api.get<Usage>(path, { ...options }), printUsage)
    })
}

function printUsage({ serviceId, from, to, total, tools }: Usage): void {
  print(`${printable(serviceId)}, ${from} to ${to}`)
  printTable(
    [...tools, { tool: 'all', ...total }],
    [
      { title: 'TOOL', of: ({ tool }) => tool },
      { title: 'CALLS', of: ({ calls }) => calls },
      { title: 'ERRORS', of: ({ errors }) => errors },
      { title: 'P50 MS', of: ({ p50Ms }) => shown(p50Ms) },
      { title: 'P95 MS', of: ({ p95Ms }) => shown(p95Ms) },
      { title: 'P99 MS', of: ({ p99Ms }) => shown(p99Ms) },
    ],
  )
}

function shown(ms: number | null): string {
  return ms === null ? '-' : ms.toFixed(1)
}
