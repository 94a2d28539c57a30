import { randomBytes } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'
import path from 'node:path'

const OWNER_ONLY = 0o600

/** The secret that keys are hashed with, made at the first start. */
export function keepPepper(dataDirectory: string): Promise<string> {
  return keepSecretFile(path.join(dataDirectory, 'key-pepper'), () =>
    randomBytes(32).toString('base64url'),
  )
}

/**
 * The file's text; when there is no file, `create`s it first, readable by the owner only. Of
 * several processes that start at once all get the same text, and no crash leaves half a file.
 */
export async function keepSecretFile(file: string, create: () => string): Promise<string> {
  const present = await readIfPresent(file)
  if (present !== undefined) return present
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await writeDurably(draft, create())
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await unlink(draft).catch(() => {})
  }
  return (await readFile(file, 'utf8')).trim()
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', OWNER_ONLY)
  try {
    await handle.writeFile(`${text}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
