import type { Command } from 'commander'
import { print, printTable } from '../output.ts'
import { printable } from '../printable.ts'
import { answerOf, sessionOf } from '../session.ts'

type Key = {
  readonly keyId: string
  readonly subjectId?: string
  readonly name: string
  readonly owner?: string
  readonly scopes: readonly string[]
  readonly issuedAt: string
  readonly expiresAt?: string
  readonly revokedAt?: string
}

type IssueOptions = {
  readonly scopes: string
  readonly expires?: string
  readonly owner?: string
  readonly subject?: string
}

/** Issues a key that may do everything and puts it into a file. */
export type RecoverKey = (
  tenantId: string,
) => Promise<{ readonly keyId: string; readonly file: string; readonly inEffect: boolean }>

const RECOVERY = `
For when the first key is lost. It asks no API: it needs what Tidemark itself has, DATA_DIR and
DATABASE_URL (and EVENTSTORE_URL where that is set); where \`make up\` runs it finds both. The new
key is an event like any other, by the actor operator:recovery. No key is revoked.
`

export function addKeyCommands(program: Command, recoverKey: RecoverKey): void {
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
          { title: 'OWNER', of: ({ owner }) => owner ?? '' },
          { title: 'SUBJECT', of: ({ subjectId }) => subjectId ?? '' },
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
    .option('--owner <person>', 'who has it: a name or an address, which can be erased')
    .option('--subject <id>', 'the person, when they have another key; by default a new one')
    .action(async (name: string, options: IssueOptions, command: Command) => {
      const { api, answer } = sessionOf(command)
      const issued = await api.post<Key & { key: string; inEffect: boolean }>('/v1/keys', {
        name,
        scopes: options.scopes.split(',').map((scope) => scope.trim()),
        expiresAt: options.expires,
        owner: options.owner,
        subjectId: options.subject,
      })
      answer(issued, ({ key, inEffect }) => {
        print(printable(key))
        // Standard output may be going into a file: it has the key and nothing else.
        if (!inEffect)
          process.stderr.write('It works once the read models, which are behind, follow.\n')
      })
    })

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

  addRecovery(keys, recoverKey)
}

function addRecovery(keys: Command, recoverKey: RecoverKey): void {
  keys
    .command('recover')
    .description('on its own machine: issue a key that may do everything')
    .option('--tenant <id>', 'whose key it is', 'default')
    .addHelpText('after', RECOVERY)
    .action(async ({ tenant }: { readonly tenant: string }, command: Command) => {
      const answer = answerOf(command)
      answer(await recoverKey(tenant), ({ keyId, file, inEffect }) => {
        print(`Key ${keyId} may do everything in tenant ${tenant}. It is in ${file}`)
        print(`and is used with --key-file ${file}`)
        if (!inEffect) print('It works once a projector has read of it.')
      })
    })
}

function stateOf({ expiresAt, revokedAt }: Key): string {
  if (revokedAt !== undefined) return 'revoked'
  if (expiresAt === undefined) return 'valid'
  return new Date(expiresAt) > new Date() ? `until ${expiresAt}` : 'expired'
}
