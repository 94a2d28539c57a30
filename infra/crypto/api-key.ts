import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { ApiKeys, NewApiKey } from '../../services/ports/api-keys.ts'

// tdm_<id: 16 hex>_<secret: 32 random bytes, base64url><CRC-32 of all before it: 8 hex>
// The prefix is for secret scanners, the checksum for typing errors.

const ID_BYTES = 8
const SECRET_BYTES = 32
const FORMAT = /^(tdm_([0-9a-f]{16})_([A-Za-z0-9_-]{43}))([0-9a-f]{8})$/

/**
 * The secret has 256 random bits, so that a fast keyed hash is enough; the pepper makes a stolen
 * log useless for guessing.
 *
 * @param pepper secret of this installation; every key is void without it.
 */
export function createApiKeys(pepper: string): ApiKeys {
  const hash = (keyId: string, secret: string) =>
    createHmac('sha256', pepper).update(`${keyId}.${secret}`).digest('hex')

  return {
    create(keyId = randomBytes(ID_BYTES).toString('hex')): NewApiKey {
      const secret = randomBytes(SECRET_BYTES).toString('base64url')
      const text = `tdm_${keyId}_${secret}`
      return { keyId, key: text + checksum(text), secretHash: hash(keyId, secret) }
    },

    read(key) {
      const [, text, keyId, secret, sum] = FORMAT.exec(key) ?? []
      if (text === undefined || keyId === undefined || secret === undefined) return undefined
      return sum === checksum(text) ? { keyId, secretHash: hash(keyId, secret) } : undefined
    },

    sameHash(one, other) {
      const [a, b] = [Buffer.from(one, 'hex'), Buffer.from(other, 'hex')]
      return a.length === b.length && timingSafeEqual(a, b)
    },
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
