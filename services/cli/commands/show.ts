import type { Command } from 'commander'
import { type InstallationDetail, resolveInstallation, statusOf } from '../installations.ts'
import { print } from '../output.ts'
import { printable } from '../printable.ts'
import { sessionOf } from '../session.ts'

export function addShowCommand(program: Command): void {
  program
    .command('show')
    .description('one installation: what it is, what it offers, and why it does not run')
    .argument('<installation>', 'id, beginning of an id, or server name')
    .action(async (word: string, _options: unknown, command: Command) => {
      const { api, answer } = sessionOf(command)
      const id = await resolveInstallation(api, word)
      answer(await api.get<InstallationDetail>(`/v1/installations/${id}`), printDetail)
    })
}

type Quarantine = NonNullable<InstallationDetail['quarantine']>

function printDetail(detail: InstallationDetail): void {
  const { installationId, server, version, requestedVersion, failure, quarantine, update } = detail
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['id', installationId],
    ['server', `${server} ${version ?? requestedVersion}`],
    ['status', statusOf(detail)],
    ['failure', failure && `at "${failure.stage}": ${failure.cause}`],
    ['quarantine', quarantine && quarantineLine(quarantine)],
    ['update', update && `${update.version}${update.breaking ? ' (breaking)' : ''}`],
    ['kept', detail.versions.join(' ')],
    ['tools', detail.tools.join(' ')],
    ['changed', detail.changedAt],
  ]
  for (const [title, fact] of facts)
    if (fact !== undefined && fact !== '') print(`${title.padEnd(12)}${printable(fact)}`)
  if (quarantine !== undefined)
    print(`\`tidemark lift ${installationId.slice(0, 8)}\` lets it start again.`)
}

function quarantineLine({ since, failures, cause }: Quarantine): string {
  const after = failures === undefined ? '' : `, after ${failures} failures`
  return `since ${since}${after}: ${cause}`
}
