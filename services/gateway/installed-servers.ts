import {
  type ActiveVersion,
  activeVersion,
  followInstallation,
  NOT_INSTALLED,
} from '../../domain/gateway/active-version.ts'
import type { InstallerEvent } from '../../domain/installer/events.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import type { EventStore } from '../ports/event-store.ts'

const MAX_CACHED = 10_000

/** Which version calls go to: read from the log itself, so a change holds from its event on. */
export type InstalledServers = {
  /** @returns undefined when this tenant has nothing active under this id. */
  find(tenantId: string, installationId: string): Promise<ActiveVersion | undefined>
  /** What was found out before is out of date. */
  forget(tenantId: string, installationId: string): void
  /** The same by the stream's name; other streams mean nothing here. */
  forgetStream(stream: string): void
  /** Whether somebody forgets what goes out of date; until then nothing is cached. */
  cache(on: boolean): void
}

export function createInstalledServers(store: EventStore): InstalledServers {
  const cache = new Map<string, Promise<ActiveVersion | undefined>>()
  let caching = false

  function remember(key: string, found: Promise<ActiveVersion | undefined>): void {
    cache.set(key, found)
    const oldest = cache.keys().next()
    if (cache.size > MAX_CACHED && !oldest.done) cache.delete(oldest.value)
    const forget = () => {
      if (cache.get(key) === found) cache.delete(key)
    }
    found.then((version) => {
      if (version === undefined) forget()
    }, forget)
  }

  return {
    find(tenantId, installationId) {
      const stream = installationStream(tenantId, installationId)
      const cached = cache.get(stream)
      if (cached !== undefined) return cached
      const found = read(store, stream, installationId)
      if (caching) remember(stream, found)
      return found
    },

    forget(tenantId, installationId) {
      cache.delete(installationStream(tenantId, installationId))
    },

    forgetStream(stream) {
      cache.delete(stream)
    },

    cache(on) {
      caching = on
      cache.clear()
    },
  }
}

/** `store`, telling which stream was appended to before the append is answered, whatever came of it. */
export function tellingAppends(store: EventStore, told: (stream: string) => void): EventStore {
  return {
    append: async (stream, ...rest) => {
      try {
        return await store.append(stream, ...rest)
      } finally {
        told(stream)
      }
    },
    readStream: (...args) => store.readStream(...args),
    readAll: (...args) => store.readAll(...args),
    follow: (...args) => store.follow(...args),
    head: () => store.head(),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** The installer's stream of one installation. */
function installationStream(tenantId: string, installationId: string): string {
  return streamName('installation', tenantId, installationId)
}

async function read(
  store: EventStore,
  stream: string,
  installationId: string,
): Promise<ActiveVersion | undefined> {
  let state = NOT_INSTALLED
  for await (const { type, data, fault } of store.readStream(stream)) {
    if (fault !== undefined) throw new Error(`${stream} cannot be read: ${fault}`)
    // The store checked the data against this type's schema when it was appended.
    state = followInstallation(state, { type, data } as InstallerEvent)
  }
  return activeVersion(installationId, state)
}
