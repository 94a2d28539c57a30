import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, lstat, open, readdir, readlink, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'

/** What describes a version lies in its directory, and is no part of its own hash. */
export const MANIFEST = '.manifest.json'
const FILES_AT_ONCE = 16

export type TreeSummary = { readonly sha256: string; readonly sizeBytes: number }

/** SHA-256 over every path with its kind, whether it may be executed, and its content. */
export async function hashTree(directory: string): Promise<TreeSummary> {
  const names = (await readdir(directory, { recursive: true }))
    .filter((name) => name !== MANIFEST)
    .sort()
  const lines = new Array<string>(names.length)
  let sizeBytes = 0
  let next = 0
  async function work(): Promise<void> {
    for (let index = next++; index < names.length; index = next++) {
      const name = names[index] ?? ''
      const found = await describe(path.join(directory, name))
      lines[index] = `${JSON.stringify(name)} ${found.text}\n`
      sizeBytes += found.sizeBytes
    }
  }
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, work))
  const hash = createHash('sha256')
  for (const line of lines) hash.update(line)
  return { sha256: hash.digest('hex'), sizeBytes }
}

async function describe(file: string): Promise<{ text: string; sizeBytes: number }> {
  const found = await lstat(file)
  if (found.isDirectory()) return { text: 'directory', sizeBytes: 0 }
  if (found.isSymbolicLink())
    return { text: `link ${JSON.stringify(await readlink(file))}`, sizeBytes: 0 }
  if (!found.isFile()) return { text: 'other', sizeBytes: 0 }
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  const kind = (found.mode & 0o111) === 0 ? 'file' : 'program'
  return { text: `${kind} ${hash.digest('hex')}`, sizeBytes: found.size }
}

/** Takes the right to write from everything below the directory, not from itself: it is still to be moved. */
export async function makeReadOnly(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const place = path.join(entry.parentPath, entry.name)
    if (entry.isDirectory()) await chmod(place, 0o555)
    else if (entry.isFile()) await chmod(place, (await lstat(place)).mode & 0o555)
  }
}

/** Also of read-only directories, which an ordinary user cannot empty as they are. Absent is fine. */
export async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true })
  } catch {
    await makeWritable(directory)
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function makeWritable(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(path.join(directory, entry.name))
}

/** Both names survive a power cut, or the old one does. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncDirectory(path.dirname(to))
}

export async function writeDurably(file: string, content: string): Promise<void> {
  const handle = await open(file, 'w', 0o644)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
