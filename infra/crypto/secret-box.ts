import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
/** Format of a box: version, nonce, tag, ciphertext. */
const VERSION = 1
const NONCE_BYTES = 12
/** Always given to Node: without it a decipher takes a tag of four bytes, which can be guessed. */
const TAG = { authTagLength: 16 }

export const KEY_BYTES = 32

export function newKey(): Buffer {
  return randomBytes(KEY_BYTES)
}

/** @param context what the value belongs to: it opens with exactly the same context only. */
export function seal(key: Buffer, plain: Buffer, context: readonly string[]): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce, TAG)
  cipher.setAAD(associatedData(context))
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), encrypted])
}

/** @throws {Error} when the box was changed, or sealed with another key or for another context. */
export function open(key: Buffer, box: Buffer, context: readonly string[]): Buffer {
  const start = 1 + NONCE_BYTES
  if (box[0] !== VERSION || box.length < start + TAG.authTagLength)
    throw new Error('The box is not of a known format.')
  const decipher = createDecipheriv(ALGORITHM, key, box.subarray(1, start), TAG)
  decipher.setAAD(associatedData(context))
  decipher.setAuthTag(box.subarray(start, start + TAG.authTagLength))
  const encrypted = box.subarray(start + TAG.authTagLength)
  return Buffer.concat([decipher.update(encrypted), decipher.final()])
}

/** JSON keeps ('a|b', 'c') and ('a', 'b|c') apart. */
function associatedData(context: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(context), 'utf8')
}
