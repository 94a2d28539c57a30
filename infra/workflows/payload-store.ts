import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open as openFile, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { eventDefinition } from '../../domain/event-catalogue.ts'
import { UUID } from '../../domain/kernel/ids.ts'
import { ERASED, personalFields } from '../../domain/kernel/personal.ts'
import type { EventStore, NewEvent, RecordedEvent } from '../../services/ports/event-store.ts'
import type { PayloadFiles } from '../../services/ports/payload-files.ts'
import { open, seal } from '../crypto/secret-box.ts'
import type { SubjectKeyRing } from '../crypto/subject-keys.ts'

/**
 * Of one value as JSON. Several of them go into one append, encrypted, and together they have to
 * stay below what one append may carry.
 */
const MAX_INLINE = 64 * 1024
const CONTEXT = 'workflows'

export type PayloadStoreDeps = {
  /** The caller disposes it. */
  readonly store: EventStore
  readonly keys: Pick<SubjectKeyRing, 'forSealing' | 'forOpening'>
  readonly dataDir: string
}

/** What an event has in place of a large value. */
type Payload = {
  readonly $payload: { readonly sha256: string; readonly bytes: number; readonly keyId: string }
}

/**
 * Large inputs and outputs of runs are files of the data directory, encrypted with the key of the
 * run; their events keep hash and size. Reading a stream gives the values, other readers see what
 * the events keep.
 */
export function createPayloadStore({ store, keys, dataDir }: PayloadStoreDeps): EventStore {
  const fileOf = (tenantId: string, runId: string, sha256: string) =>
    path.join(directoryOf(dataDir, tenantId, runId), sha256)

  async function put(tenantId: string, runId: string, text: string): Promise<Payload> {
    const content = Buffer.from(text)
    const sha256 = createHash('sha256').update(content).digest('hex')
    const { keyId, key } = await keys.forSealing(tenantId, runId)
    const box = seal(key, content, [tenantId, runId, sha256, keyId])
    await writeDurably(fileOf(tenantId, runId, sha256), box)
    return { $payload: { sha256, bytes: content.byteLength, keyId } }
  }

  async function get(tenantId: string, runId: string, { $payload }: Payload): Promise<unknown> {
    const { keyId, sha256 } = $payload
    const ref = { tenantId, keyId }
    const [key] = [...(await keys.forOpening([ref])).values()]
    if (key === null || key === undefined) return ERASED
    const box = await readFile(fileOf(tenantId, runId, sha256))
    return JSON.parse(open(key, box, [tenantId, runId, sha256, keyId]).toString('utf8'))
  }

  async function moved(event: NewEvent, tenantId: string): Promise<NewEvent> {
    const data: Record<string, unknown> = { ...event.data }
    for (const name of fieldsOf(event.type)) {
      const text = data[name] === undefined ? '' : JSON.stringify(data[name])
      if (text.length > MAX_INLINE) data[name] = await put(tenantId, String(data.runId), text)
    }
    return { ...event, data }
  }

  async function resolved(event: RecordedEvent): Promise<RecordedEvent> {
    const { tenantId } = event
    const data: Record<string, unknown> = { ...event.data }
    try {
      for (const name of fieldsOf(event.type)) {
        const value = data[name]
        if (isPayload(value)) data[name] = await get(tenantId, String(data.runId), value)
      }
    } catch {
      return {
        ...event,
        data: {},
        fault: 'A file of the data directory that it names is not there.',
      }
    }
    return { ...event, data }
  }

  return {
    async append(stream, events, expected, context) {
      const small: NewEvent[] = []
      for (const event of events) small.push(await moved(event, context.tenantId))
      return await store.append(stream, small, expected, context)
    },
    async *readStream(stream, options) {
      for await (const event of store.readStream(stream, options))
        yield hasPayload(event) ? await resolved(event) : event
    },
    readAll: (options) => store.readAll(options),
    follow: (options) => store.follow(options),
    head: () => store.head(),
    async [Symbol.asyncDispose]() {
      // The store is its owner's to close.
    },
  }
}

/** Who is erased need not be a run. */
export function createPayloadFiles(dataDir: string): PayloadFiles {
  return {
    async removeAll(tenantId, runId) {
      if (UUID.test(runId))
        await rm(directoryOf(dataDir, tenantId, runId), { recursive: true, force: true })
    },
  }
}

function directoryOf(dataDir: string, tenantId: string, runId: string): string {
  return path.join(dataDir, 'payloads', tenantId, runId)
}

const known = new Map<string, readonly string[]>()

/** Members of a run's event that can be large. */
function fieldsOf(type: string): readonly string[] {
  const before = known.get(type)
  if (before !== undefined) return before
  const found = eventDefinition(type)
  const schema = found?.context === CONTEXT ? found.definition.versions.at(-1) : undefined
  const names = schema === undefined ? [] : personalFields(schema).map(({ name }) => name)
  known.set(type, names)
  return names
}

function hasPayload({ type, data }: RecordedEvent): boolean {
  return fieldsOf(type).some((name) => isPayload(data[name]))
}

function isPayload(value: unknown): value is Payload {
  const { $payload, ...rest } = (value ?? {}) as Partial<Payload>
  return (
    typeof value === 'object' &&
    typeof $payload?.keyId === 'string' &&
    /^[0-9a-f]{64}$/.test($payload.sha256) &&
    Object.keys(rest).length === 0
  )
}

/** One rename(2): the file is there as a whole, or not at all. */
async function writeDurably(file: string, content: Uint8Array): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomUUID()}`
  try {
    const handle = await openFile(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
}
