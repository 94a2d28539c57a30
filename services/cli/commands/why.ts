import type { Command } from 'commander'
import type { TailEvent } from '../event-tail.ts'
import { print } from '../output.ts'
import { printable } from '../printable.ts'
import { sessionOf } from '../session.ts'

type Happened = Pick<TailEvent, 'type' | 'time' | 'subject' | 'position'>
type Effect = Happened & { readonly effects: readonly Effect[]; readonly more: boolean }
type Why = {
  readonly event: TailEvent
  readonly causes: readonly TailEvent[]
  readonly began: { readonly id: string; readonly actorid: string }
  readonly effects: readonly Effect[]
  readonly more: boolean
}

export function addWhyCommand(program: Command): void {
  program
    .command('why')
    .description('what led to an event, and what it led to')
    .argument('<event>', 'id of the event, or its position')
    .option('--after <position>', 'only direct effects behind this position')
    .action(async (event: string, query: { after?: string }, command: Command) => {
      const { api, answer } = sessionOf(command)
      answer(await api.get<Why>(`/v1/events/${encodeURIComponent(event)}/why`, query), printWhy)
    })
}

/** From the command down to the last effect, each event below what led to it. */
function printWhy({ event, causes, began, effects, more }: Why): void {
  print(`${printable(began.actorid)}, request or run ${printable(began.id)}`)
  const chain = [...causes].reverse()
  for (const [depth, cause] of chain.entries()) printNode(cause, depth + 1, ' ')
  printNode(event, chain.length + 1, '*')
  printEffects({ effects, more }, chain.length + 2)
}

function printEffects({ effects, more }: Pick<Effect, 'effects' | 'more'>, depth: number): void {
  for (const effect of effects) {
    printNode(effect, depth, ' ')
    printEffects(effect, depth + 1)
  }
  if (more) print(`${indent(depth, ' ')}… and more: ask why of the event above`)
}

function printNode({ type, time, subject, position }: Happened, depth: number, mark: string): void {
  print(`${indent(depth, mark)}${[type, subject, time, `#${position}`].map(printable).join('  ')}`)
}

function indent(depth: number, mark: string): string {
  return `${mark} ${'  '.repeat(depth - 1)}└ `
}
