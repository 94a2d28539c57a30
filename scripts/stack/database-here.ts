import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readPorts } from './data-directory.ts'
import { asApplication } from './roles.ts'

/**
 * How a program besides Tidemark reaches the Postgres of a running `make up`, as the role that
 * Tidemark has.
 *
 * @returns undefined when no `make up` with a Postgres of its own has run on these data.
 */
export function databaseHere(dataDirectory: string): string | undefined {
  const { postgres: port } = readPorts(path.join(dataDirectory, 'ports.json'))
  if (port === undefined) return undefined
  const password = readFileSync(path.join(dataDirectory, 'postgres', 'password'), 'utf8').trim()
  return asApplication(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`)
}
