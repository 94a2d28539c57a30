import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { type KeyProvider, KeyUnavailableError } from '../../services/ports/key-provider.ts'
import { KEY_BYTES, newKey, open, seal } from './secret-box.ts'
import { keepSecretFile } from './secret-file.ts'

/** The first root key; its successors are `secret-key.2`, `secret-key.3` and so on. */
const FILE = 'secret-key'
const SUCCESSOR = /^secret-key\.([1-9][0-9]{0,8})$/
const HEXADECIMAL = /^[0-9a-f]{64}$/

type RootKey = { readonly id: string; readonly key: Buffer; readonly number: number }

/**
 * Root keys in files of the data directory, hexadecimal, readable by their owner only. Without a
 * copy of them a backup's secrets and personal data cannot be read.
 *
 * The files are read at each use, which is rare: what another process adds is known at once.
 */
export function createFileKeyProvider(dataDirectory: string): KeyProvider {
  const fileOf = (number: number) =>
    path.join(dataDirectory, number === 1 ? FILE : `${FILE}.${number}`)

  async function keys(): Promise<readonly RootKey[]> {
    const names = await readdir(dataDirectory)
    const numbers = names.flatMap((name) =>
      name === FILE ? [1] : [SUCCESSOR.exec(name)?.[1] ?? []].flat().map(Number),
    )
    const found = numbers.sort((a, b) => a - b).map((number) => readKey(fileOf(number), number))
    return await Promise.all(found)
  }

  async function current(): Promise<RootKey> {
    const newest = (await keys()).at(-1)
    if (newest !== undefined) return newest
    throw new KeyUnavailableError(`${fileOf(1)} is not there.`)
  }

  return {
    currentKeyId: async () => (await current()).id,

    async wrap(plain, context) {
      const { id, key } = await current()
      return { rootKeyId: id, wrapped: seal(key, plain, context) }
    },

    async unwrap({ rootKeyId, wrapped }, context) {
      const root = (await keys()).find(({ id }) => id === rootKeyId)
      if (root === undefined)
        throw new KeyUnavailableError(
          `No ${FILE} file in ${dataDirectory} is the key ${rootKeyId}.`,
        )
      try {
        return open(root.key, wrapped, context)
      } catch {
        throw new KeyUnavailableError(`A key that ${rootKeyId} wrapped cannot be unwrapped.`)
      }
    },

    async succeed(rootKeyId) {
      const { id, number } = await current()
      if (id !== rootKeyId) return id
      const text = await keepSecretFile(fileOf(number + 1), () => newKey().toString('hex'))
      return idOf(keyIn(fileOf(number + 1), text))
    },

    async retireOthers(kept) {
      const earlier = (await keys()).slice(0, -1)
      for (const { id, number } of earlier)
        if (!kept.includes(id)) await rm(fileOf(number), { force: true })
    },
  }
}

/** Makes the first root key when there is none; programs that start together agree on one. */
export async function keepFirstRootKey(dataDirectory: string): Promise<void> {
  const names = await readdir(dataDirectory)
  if (names.some((name) => SUCCESSOR.test(name))) return
  await keepSecretFile(path.join(dataDirectory, FILE), () => newKey().toString('hex'))
}

async function readKey(file: string, number: number): Promise<RootKey> {
  const key = keyIn(file, (await readFile(file, 'utf8')).trim())
  return { id: idOf(key), key, number }
}

function keyIn(file: string, text: string): Buffer {
  if (HEXADECIMAL.test(text)) return Buffer.from(text, 'hex')
  throw new KeyUnavailableError(`${file} is not a key of ${KEY_BYTES} bytes in hexadecimal.`)
}

/** Says which key it is and nothing of it. */
function idOf(key: Buffer): string {
  const hash = createHash('sha256').update('tidemark root key').update(key).digest('hex')
  return `file:${hash.slice(0, 16)}`
}
