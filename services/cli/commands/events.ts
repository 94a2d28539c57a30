import type { Command } from 'commander'
import { type TailEvent, type TailOptions, tail } from '../event-tail.ts'
import { usage } from '../failure.ts'
import { print } from '../output.ts'
import { printable } from '../printable.ts'
import { sessionOf } from '../session.ts'

export function addEventCommands(program: Command): void {
  const events = program.command('events').description('everything that happened, as it happened')

  events
    .command('tail')
    .description('follow the log until Ctrl-C; takes up again where it was when the stream breaks')
    .option('--types <list>', 'only these event types, with commas')
    .option('--context <list>', 'only types of these contexts, with commas')
    .option('--stream <name>', 'only this stream')
    .option('--installation <id>', 'only what was done with this installation')
    .option('--after <position>', 'from after this position; 0 = from the first event')
    .option('--limit <count>', 'end after so many events')
    .action(async ({ limit, ...options }: TailOptions & { limit?: string }, command: Command) => {
      const { api, json } = sessionOf(command)
      let left = limitOf(limit)
      for await (const event of tail(api, options)) {
        print(json ? JSON.stringify(event) : lineOf(event))
        if (--left === 0) return
      }
    })
}

function limitOf(count: string | undefined): number {
  if (count === undefined) return Number.POSITIVE_INFINITY
  if (!/^[1-9]\d{0,8}$/.test(count)) throw usage('--limit is a whole number, at least 1.')
  return Number(count)
}

function lineOf({ position, time, type, subject, actorid, data }: TailEvent): string {
  const what = [position.padStart(8), time, type, subject, actorid].map(printable).join('  ')
  return `${what}  ${printable(JSON.stringify(data)).slice(0, 200)}`
}
