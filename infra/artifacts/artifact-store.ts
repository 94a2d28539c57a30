import { randomUUID } from 'node:crypto'
import { mkdir, readlink, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import type { ArtifactStore } from '../../services/ports/artifact-store.ts'
import type { Attempt } from '../../services/ports/package-installer.ts'
import { installationDirectory, stagingDirectory, versionDirectory } from './directories.ts'
import { hashTree, removeTree, renameDurably } from './version-tree.ts'

export function createArtifactStore({ dataDir }: { readonly dataDir: string }): ArtifactStore {
  const at = (relative: string) => path.join(dataDir, relative)

  async function cleanUp({ tenantId, installationId, attemptId }: Attempt): Promise<void> {
    await removeTree(at(stagingDirectory(tenantId, installationId, attemptId)))
  }

  async function discard(attempt: Attempt): Promise<void> {
    const { tenantId, installationId, attemptId } = attempt
    await cleanUp(attempt)
    await removeTree(at(versionDirectory(tenantId, installationId, attemptId)))
  }

  return {
    cleanUp,
    discard,

    async settle(tenantId, installationId, { active, dead, uninstalled }) {
      const home = at(installationDirectory(tenantId, installationId))
      if (uninstalled) return removeTree(home)
      if (active !== undefined) await pointTo(home, path.join('versions', active))
      for (const attemptId of dead) await discard({ tenantId, installationId, attemptId })
    },

    async verifyTree({ directory, treeSha256 }) {
      try {
        return (await hashTree(at(directory))).sha256 === treeSha256
      } catch {
        return false
      }
    },
  }
}

/** One rename(2): a reader finds the old version or the new one, never none. */
async function pointTo(home: string, version: string): Promise<void> {
  const current = path.join(home, 'current')
  if ((await readlink(current).catch(() => undefined)) === version) return
  await mkdir(home, { recursive: true })
  const temporary = path.join(home, `.current-${randomUUID()}`)
  try {
    await symlink(version, temporary)
    await renameDurably(temporary, current)
  } finally {
    await rm(temporary, { force: true })
  }
}
