import type { Command } from 'commander'
import { print } from '../output.ts'
import { printable } from '../printable.ts'
import { sessionOf } from '../session.ts'

type Erased = { readonly subjectId: string; readonly erasedAt: string; readonly inEffect: boolean }

export function addPrivacyCommands(program: Command): void {
  const privacy = program.command('privacy').description('data of persons, and its keys')

  privacy
    .command('erase')
    .description('destroy what is recorded of a person, for ever')
    .argument('<subject>', 'its id, as `keys list` shows it')
    .action(async (subjectId: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const erased = await api.post<Erased>('/v1/privacy/erasures', { subjectId })
      answer(erased, ({ erasedAt, inEffect }) =>
        print(
          inEffect
            ? `The data of ${printable(subjectId)} is erased, since ${printable(erasedAt)}.`
            : `The data of ${printable(subjectId)} is erased from the log; the read models are behind and follow.`,
        ),
      )
    })
}
