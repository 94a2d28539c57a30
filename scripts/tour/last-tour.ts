import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Api } from '../../services/cli/api.ts'
import { allInstallations } from '../../services/cli/installations.ts'

const DATA = path.resolve(import.meta.dirname, '../..', process.env.DATA_DIR ?? '.data')
const FILE = path.join(DATA, 'tour-installation')

export function rememberTour(installationId: string): void {
  mkdirSync(DATA, { recursive: true })
  writeFileSync(FILE, `${installationId}\n`)
}

/** What the last tour left; an installation of the same server that somebody uses stays. */
export async function uninstallLastTour(api: Api): Promise<void> {
  const last = readLast()
  const present = (await allInstallations(api)).some(
    ({ installationId, status }) => installationId === last && status !== 'uninstalled',
  )
  if (present) await api.delete(`/v1/installations/${last}`)
}

function readLast(): string | undefined {
  try {
    return readFileSync(FILE, 'utf8').trim()
  } catch {
    return undefined
  }
}
