import type { Command } from 'commander'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { sessionOf } from '../session.ts'

type Key = {
  readonly keyId: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly issuedAt: string
  readonly expiresAt?: string
  readonly revokedAt?: string
}

export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('API keys')

  keys
    .command('list', { isDefault: true })
    .description('all keys, without their secrets')
    .action(async (_options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const page = await api.get<{ items: readonly Key[] }>('/v1/keys', { limit: 100 })
      answer(page, ({ items }) =>
        printTable(items, [
          { title: 'KEY', of: ({ keyId }) => keyId },
          { title: 'NAME', of: ({ name }) => name },
          { title: 'ISSUED', of: ({ issuedAt }) => issuedAt },
          { title: 'STATE', of: stateOf },
          { title: 'MAY', of: ({ scopes }) => scopes.join(' ') },
        ]),
      )
    })

  keys
    .command('issue')
    .description('issue a key; it is shown once')
    .argument('<name>', 'what it is for')
    .requiredOption('--scopes <list>', 'what it may do, with commas, such as catalogue:read')
    .option('--expires <time>', 'an ISO 8601 time')
    .action(
      async (name: string, options: { scopes: string; expires?: string }, command: Command) => {
        const { api, answer } = sessionOf(command)
        const scopes = options.scopes.split(',').map((scope) => scope.trim())
        const expiry = options.expires === undefined ? {} : { expiresAt: options.expires }
        const issued = await api.post<Key & { key: string }>('/v1/keys', {
          name,
          scopes,
          ...expiry,
        })
        answer(issued, ({ key }) => print(printable(key)))
      },
    )

  keys
    .command('revoke')
    .description('end a key at once')
    .argument('<key-id>')
    .action(async (keyId: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const done = await api.delete<{ inEffect: boolean }>(`/v1/keys/${encodeURIComponent(keyId)}`)
      answer(done, ({ inEffect }) =>
        print(
          inEffect
            ? `Key ${printable(keyId)} is revoked.`
            : `The revocation of key ${printable(keyId)} is recorded, but the key still works: the read models are behind.`,
        ),
      )
    })
}

function stateOf({ expiresAt, revokedAt }: Key): string {
  if (revokedAt !== undefined) return 'revoked'
  if (expiresAt === undefined) return 'valid'
  return new Date(expiresAt) > new Date() ? `until ${expiresAt}` : 'expired'
}
