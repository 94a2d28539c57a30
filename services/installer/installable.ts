import type { Target } from '../../domain/installer/events.ts'
import type { CatalogueEntry } from '../../projections/installer/installable.ts'
import { type ProblemError, problem } from '../kernel/problem.ts'
import {
  argumentInputs,
  type DeclaredInputs,
  environmentInputs,
  headerInputs,
  list,
  member,
  members,
  NO_INPUTS,
  text,
  variableInputs,
} from './declared-inputs.ts'

/** A catalogue entry as something that can be installed. */
export type Installable = {
  readonly sourceId: string
  readonly version: string
  readonly target: Target
  readonly inputs: DeclaredInputs
}

type Members = Readonly<Record<string, unknown>>
type Choice = Pick<Installable, 'target' | 'inputs'>

const EXACT_VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/

/**
 * The entry's npm package that speaks over stdio, else its Streamable HTTP remote.
 *
 * @throws {ProblemError} 422 `not-installable`, `unsupported-package-type`, `unsupported-transport`.
 */
export function installableOf({ source_id, version, entry }: CatalogueEntry): Installable {
  const server = members(members(JSON.parse(entry)).server)
  const packages = list(server.packages)
  const remotes = list(server.remotes)
  const choice = npmPackage(packages) ?? remote(remotes)
  if (choice === undefined) throw whyNot(packages, remotes)
  return { sourceId: source_id, version, ...choice }
}

function npmPackage(packages: readonly Members[]): Choice | undefined {
  const found = packages.find(
    (one) => typeOf(one) === 'npm' && (transportOf(one) ?? 'stdio') === 'stdio',
  )
  if (found === undefined) return undefined
  const identifier = text(found.identifier) ?? ''
  const version = text(found.version) ?? ''
  if (identifier === '' || !EXACT_VERSION.test(version))
    throw problem(
      422,
      'not-installable',
      'The catalogue entry names its npm package without an exact version.',
    )
  return {
    target: { kind: 'npm', identifier, version },
    inputs: {
      ...NO_INPUTS,
      environment: environmentInputs(member(found, 'environmentVariables')),
      arguments: argumentInputs(member(found, 'packageArguments')),
    },
  }
}

function remote(remotes: readonly Members[]): Choice | undefined {
  const found = remotes.find((one) => transportOf({ transport: one }) === 'streamable-http')
  const url = text(found?.url)
  if (found === undefined || url === undefined) return undefined
  return {
    target: { kind: 'remote', url },
    inputs: {
      ...NO_INPUTS,
      environment: headerInputs(found.headers),
      variables: variableInputs(found.variables),
    },
  }
}

function whyNot(packages: readonly Members[], remotes: readonly Members[]): ProblemError {
  const types = [...new Set(packages.map(typeOf))].filter((type) => type !== 'npm')
  if (types.length > 0)
    return problem(
      422,
      'unsupported-package-type',
      `Packages of type ${types.join(', ')} cannot be installed; npm packages and remote servers can.`,
    )
  if (packages.length + remotes.length > 0)
    return problem(
      422,
      'unsupported-transport',
      'The server speaks neither stdio as an npm package nor Streamable HTTP as a remote.',
    )
  return problem(
    422,
    'not-installable',
    'The catalogue entry names neither a package nor a remote server.',
  )
}

function typeOf(one: Members): string {
  const type = text(member(one, 'registryType')) ?? 'unknown'
  return /^[a-z0-9-]{1,30}$/.test(type) ? type : 'unknown'
}

function transportOf({ transport }: Members): string | undefined {
  return text(members(transport).type)
}
