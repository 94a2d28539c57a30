import { open, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { UpstreamError } from '../../services/ports/upstream-registry.ts'

const MIB = 1024 * 1024

/** Before the name of a snapshot that ships with the program, wherever that is. */
const BUILT_IN = 'builtin:'

export type FileUpstreamOptions = {
  /** Folders whose files may be read, links followed. */
  readonly roots: readonly string[]
  /** Snapshots that ship with the program, by name: `builtin:<name>` reads them. */
  readonly builtIn?: Readonly<Record<string, string>>
  readonly maxBytes?: number
}

export type FileUpstream = {
  readonly check: (location: string) => Promise<void>
  readonly read: (location: string) => Promise<Uint8Array>
}

/** Snapshots on disk, in the folders that the operator allows. */
export function createFileUpstream({
  roots,
  builtIn = {},
  maxBytes = 200 * MIB,
}: FileUpstreamOptions): FileUpstream {
  const resolve = async (location: string): Promise<string> => {
    if (location.startsWith(BUILT_IN)) {
      const name = location.slice(BUILT_IN.length)
      const file = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined
      if (file === undefined)
        throw new UpstreamError('file-not-found', 'No snapshot of that name ships with Tidemark.')
      return file
    }
    return allowedFile(location, roots)
  }
  return {
    check: async (location) => void (await resolve(location)),
    read: async (location) => readWhole(await resolve(location), maxBytes),
  }
}

async function allowedFile(location: string, roots: readonly string[]): Promise<string> {
  if (!path.isAbsolute(location))
    throw new UpstreamError('file-refused', 'Give the absolute path of the snapshot.')
  const allowed = await Promise.all(roots.map((root) => realpath(root).catch(() => undefined)))
  const inside = (file: string) =>
    allowed.some((root) => root !== undefined && file.startsWith(root + path.sep))
  const file = await realpath(location).catch(() => undefined)
  // What lies outside is refused in the same words whether it is there or not.
  if (file !== undefined && inside(file)) return file
  if (file === undefined && inside(await realParent(location)))
    throw new UpstreamError('file-not-found', 'There is no such file.')
  throw new UpstreamError(
    'file-refused',
    'The file is not in a folder that the operator of this server has allowed (REGISTRY_FILE_ROOTS).',
  )
}

/** The file's place with the links of its folder followed; '' when the folder is not there either. */
async function realParent(location: string): Promise<string> {
  const folder = await realpath(path.dirname(location)).catch(() => undefined)
  return folder === undefined ? '' : path.join(folder, path.basename(location))
}

async function readWhole(file: string, maxBytes: number): Promise<Uint8Array> {
  // Before it is opened: opening a pipe waits for somebody to write into it.
  const { isFile } = await stat(file).then(
    (found) => ({ isFile: found.isFile() }),
    () => ({ isFile: false }),
  )
  if (!isFile) throw new UpstreamError('file-refused', 'It is not a regular file.')
  const handle = await open(file).catch((cause: unknown) => {
    throw new UpstreamError('file-not-found', 'The file cannot be opened.', { cause })
  })
  try {
    if ((await handle.stat()).size > maxBytes)
      throw new UpstreamError('upstream-too-large', `The file has more than ${maxBytes} bytes.`)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
