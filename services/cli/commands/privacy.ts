import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Api } from '../api.ts'
import { print } from '../output.ts'
import { printable } from '../printable.ts'
import { type Show, showProgress } from '../progress.ts'
import { sessionOf } from '../session.ts'

const LOOK_MS = 300

type Erased = { readonly subjectId: string; readonly erasedAt: string; readonly inEffect: boolean }

type Rotation = {
  readonly rotationId: string
  readonly status: 'running' | 'completed'
  readonly remaining: {
    readonly tenantKeys: number
    readonly subjectKeys: number
    readonly secrets: number
  }
}

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
  privacy
    .command('rotate-keys')
    .description('change every key, while everything goes on; started again it goes on')
    .action(async (_options: unknown, command: Command) => {
      const session = sessionOf(command)
      const [rotation] = await showProgress(session, [
        {
          title: 'Changing the keys',
          run: async (show) => ({
            title: 'Every key is a new one',
            result: await rotate(session.api, show),
          }),
        },
      ])
      session.answer(rotation, () => {})
    })
}

async function rotate(api: Api, show: Show): Promise<Rotation> {
  const { rotationId } = await api.post<Rotation>('/v1/privacy/key-rotations')
  for (;;) {
    const latest = await api.get<Rotation>('/v1/privacy/key-rotations/latest')
    if (latest.status === 'completed' || latest.rotationId !== rotationId) return latest
    const { tenantKeys, subjectKeys, secrets } = latest.remaining
    show(`${tenantKeys + subjectKeys} keys and ${secrets} secrets to go`)
    await delay(LOOK_MS)
  }
}
