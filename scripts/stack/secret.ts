import { randomBytes } from 'node:crypto'

/** Safe in addresses, SQL literals and configuration files without escaping. */
export function randomPassword(): string {
  return randomBytes(24).toString('hex')
}
