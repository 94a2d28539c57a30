import path from 'node:path'

// <dataDir>/servers/<tenant>/<installation>/
//   staging/<attempt>/     being made; never started
//   versions/<attempt>/    complete and read-only
//   current -> versions/<attempt>
//
// Every name is an id of ours, never a package's name or a registry's text.

const ID = /^[a-z0-9][a-z0-9-]{0,63}$/

/** @throws {RangeError} when the tenant or the installation is not an id. */
export function installationDirectory(tenantId: string, installationId: string): string {
  return path.join('servers', id(tenantId), id(installationId))
}

/** Relative to the data directory. */
export function versionDirectory(tenantId: string, installationId: string, attemptId: string) {
  return path.join(installationDirectory(tenantId, installationId), 'versions', id(attemptId))
}

/** Relative to the data directory. */
export function stagingDirectory(tenantId: string, installationId: string, attemptId: string) {
  return path.join(installationDirectory(tenantId, installationId), 'staging', id(attemptId))
}

function id(text: string): string {
  if (!ID.test(text)) throw new RangeError('A directory is named by an id only.')
  return text
}
