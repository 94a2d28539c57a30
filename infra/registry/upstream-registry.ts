import type { UpstreamRegistry } from '../../services/ports/upstream-registry.ts'
import { createFileUpstream, type FileUpstreamOptions } from './file-upstream.ts'
import { createHttpUpstream, type HttpUpstreamOptions } from './http-upstream.ts'

export type UpstreamRegistryOptions = {
  readonly http: HttpUpstreamOptions
  readonly files: FileUpstreamOptions
}

/** Registries over HTTP and snapshots on disk behind one port. */
export function createUpstreamRegistry({
  http,
  files,
}: UpstreamRegistryOptions): UpstreamRegistry & AsyncDisposable {
  const servers = createHttpUpstream(http)
  const snapshots = createFileUpstream(files)
  return {
    async check({ kind, location }) {
      if (kind === 'file') await snapshots.check(location)
      else servers.check(location)
    },
    fetchPage: ({ kind, location }, request) =>
      kind === 'file' ? snapshots.read(location) : servers.fetchPage(location, request),
    [Symbol.asyncDispose]: () => servers.close(),
  }
}
