import { randomBytes, randomUUID } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import path from 'node:path'

const BYTES = 32
const FILE = 'secret-key'

/**
 * The key that secrets are encrypted with: `<dataDir>/secret-key`, hexadecimal, readable by its
 * owner only, made at the first start. Without a copy of it a backup's secrets cannot be read.
 *
 * @throws {Error} when the file is there and is not a key.
 */
export async function loadSecretKey(dataDir: string): Promise<Buffer> {
  const file = path.join(dataDir, FILE)
  const text = (await read(file)) ?? (await create(file))
  const key = Buffer.from(text.trim(), 'hex')
  if (key.length !== BYTES || text.trim().length !== 2 * BYTES)
    throw new Error(`${file} is not a key of ${BYTES} bytes in hexadecimal.`)
  return key
}

/** Programs that start at the same time agree on one key: only one of them can link its file. */
async function create(file: string): Promise<string> {
  const temporary = `${file}-${randomUUID()}`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(`${randomBytes(BYTES).toString('hex')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(temporary, file)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(temporary)
  }
  return readFile(file, 'utf8')
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
