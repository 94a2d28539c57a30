import type { Command } from 'commander'
import { CliError, EXIT } from '../failure.ts'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { sessionOf } from '../session.ts'
import {
  type Attempt,
  allWebhooks,
  type Delivery,
  outcomeOf,
  type Webhook,
  webhookPath,
} from '../webhooks.ts'

type ReplayOptions = {
  readonly event?: string
  readonly after?: string
  readonly through?: string
  readonly all?: boolean
}

const ONE = ['<webhook>', 'its name, or how its id begins'] as const

export function addWebhookCommands(program: Command): void {
  const webhooks = program
    .command('webhooks')
    .description('programs that are called when something happens')
  addManagement(webhooks)
  addSecretRotation(webhooks)
  addSwitch(webhooks, { name: 'pause', enabled: false, description: 'send nothing for now' })
  addSwitch(webhooks, {
    name: 'resume',
    enabled: true,
    description: 'send again, nothing left out',
  })
  addDeliveries(webhooks)
  addReplay(webhooks)
  addTest(webhooks)
}

function addManagement(webhooks: Command): void {
  webhooks
    .command('list', { isDefault: true })
    .description('all of them, with how they are')
    .action(async (_options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      answer(await allWebhooks(api), (items) =>
        printTable(items, [
          { title: 'WEBHOOK', of: ({ webhookId }) => webhookId },
          { title: 'STATUS', of: statusOf },
          { title: 'NAME', of: ({ name }) => (name === '' ? '-' : name) },
          { title: 'EVENTS', of: ({ types }) => (types.length === 0 ? 'all' : types.join(' ')) },
          { title: 'ADDRESS', of: ({ url }) => url },
        ]),
      )
    })

  webhooks
    .command('add')
    .description('be told what happens from now on; prints the signing secret, once')
    .argument('<url>', 'https address; it becomes a part of the log, so no secret belongs into it')
    .option('--types <list>', 'only these event types, with commas')
    .option('--name <name>', 'what people see, and other commands take')
    .action(async (url: string, options: { types?: string; name?: string }, command: Command) => {
      const { api, answer } = sessionOf(command)
      const { types, name } = options
      const added = await api.post<{ webhookId: string; secret: string }>('/v1/webhooks', {
        url,
        ...(name === undefined ? {} : { name }),
        ...(types === undefined ? {} : { types: types.split(',').map((type) => type.trim()) }),
      })
      answer(added, ({ webhookId, secret }) => {
        print(`Webhook ${printable(webhookId)}; messages are signed with this secret:`)
        print(printable(secret))
      })
    })

  webhooks
    .command('remove')
    .description('end it, with its secret and everything owed to it')
    .argument(...ONE)
    .action(async (called: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const removed = await api.delete<object>(await webhookPath(api, called))
      answer(removed, () => print(`Removed ${printable(called)}.`))
    })
}

function addSecretRotation(webhooks: Command): void {
  webhooks
    .command('rotate')
    .description('a new signing secret; messages carry both signatures for a while')
    .argument(...ONE)
    .option('--overlap <seconds>', 'for how long', '86400')
    .action(async (called: string, { overlap }: { overlap: string }, command: Command) => {
      const { api, answer } = sessionOf(command)
      const path = `${await webhookPath(api, called)}/rotate-secret`
      const body = { overlapSeconds: Number(overlap) }
      const rotated = await api.post<{ secret: string; previousUntil: string }>(path, body)
      answer(rotated, ({ secret, previousUntil }) => {
        print(`The old secret signs, too, until ${printable(previousUntil)}. The new one:`)
        print(printable(secret))
      })
    })
}

function addSwitch(
  webhooks: Command,
  { name, enabled, description }: { name: string; enabled: boolean; description: string },
): void {
  webhooks
    .command(name)
    .description(description)
    .argument(...ONE)
    .action(async (called: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const changed = await api.patch<object>(await webhookPath(api, called), { enabled })
      answer(changed, () => print(`${printable(called)} is ${enabled ? 'enabled' : 'paused'}.`))
    })
}

function addDeliveries(webhooks: Command): void {
  webhooks
    .command('deliveries')
    .description('the newest messages to it, and how they fared')
    .argument(...ONE)
    .option('--state <state>', 'only these: owed, delivered or parked')
    .option('--limit <count>', 'how many', '30')
    .action(
      async (called: string, options: { state?: string; limit: string }, command: Command) => {
        const { api, answer } = sessionOf(command)
        const path = `${await webhookPath(api, called)}/deliveries`
        const page = await api.get<{ items: readonly Delivery[] }>(path, options)
        answer(page, ({ items }) =>
          printTable(items, [
            { title: 'POSITION', of: ({ position }) => position },
            { title: 'STATE', of: ({ state }) => state },
            { title: 'ATTEMPTS', of: ({ attempts }) => attempts },
            { title: 'LAST', of: ({ lastAttempt: last }) => (last ? outcomeOf(last) : '-') },
            { title: 'NEXT', of: ({ nextAttemptAt }) => nextAttemptAt ?? '-' },
            { title: 'TYPE', of: ({ eventType }) => eventType },
            { title: 'EVENT', of: ({ eventId }) => eventId },
          ]),
        )
      },
    )
}

function addReplay(webhooks: Command): void {
  webhooks
    .command('replay')
    .description('send again what is parked, one event, or a part of the log')
    .argument(...ONE)
    .option('--event <id>', 'this one alone')
    .option('--after <position>', 'only what comes after it; by default from the first event')
    .option('--through <position>', 'only up to and with it; by default all there is')
    .option('--all', 'not only what is parked: every event there that it wants')
    .action(async (called: string, options: ReplayOptions, command: Command) => {
      const { api, answer } = sessionOf(command)
      const { event, all, ...positions } = options
      const path = `${await webhookPath(api, called)}/replay`
      const replay = await api.post<object>(path, {
        ...positions,
        ...(event === undefined ? {} : { eventId: event }),
        ...(all === true ? { what: 'all' } : {}),
      })
      answer(replay, () => print('It is sent again; `webhooks deliveries` shows how that goes.'))
    })
}

function addTest(webhooks: Command): void {
  webhooks
    .command('test')
    .description('send one signed test message now')
    .argument(...ONE)
    .action(async (called: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const path = `${await webhookPath(api, called)}/test`
      const tested = await api.post<{ attempt: Attempt }>(path)
      const sentence = `The test message: ${outcomeOf(tested.attempt)}.`
      const delivered = tested.attempt.outcome === 'delivered'
      answer(tested, () => {
        if (delivered) print(printable(sentence))
      })
      if (!delivered) throw new CliError(EXIT.fault, sentence)
    })
}

function statusOf({ status, disabled }: Webhook): string {
  return disabled === undefined ? status : `${status}: ${disabled.cause}`
}
