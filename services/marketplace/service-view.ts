import { type Static, type TSchema, Type } from 'typebox'
import type { ServiceRow, ServiceVersion } from '../../projections/marketplace/services.ts'

const instant = Type.String({ format: 'date-time' })

const service = {
  id: Type.String({ description: 'the name of the server; percent-encode it in a path' }),
  name: Type.String(),
  title: Type.Optional(Type.String()),
  description: Type.String(),
  version: Type.String({ description: 'the latest' }),
  status: Type.String(),
  source: Type.String({ description: 'the registry that it was found in' }),
  packageTypes: Type.Array(Type.String()),
  transports: Type.Array(Type.String()),
  tags: Type.Array(Type.String()),
  repositoryUrl: Type.Optional(Type.String()),
  websiteUrl: Type.Optional(Type.String()),
  publishedAt: Type.Optional(instant),
  updatedAt: instant,
  versionCount: Type.Integer(),
  problems: Type.Array(Type.String(), {
    description: 'why the entry breaks its own schema; empty when it does not',
  }),
}

export const Service = Type.Object(service)

export const ServiceDetail = Type.Object({
  ...service,
  server: Type.Unknown({ description: 'the latest entry as its registry lists it' }),
  versions: Type.Array(
    Type.Object({
      version: Type.String(),
      source: Type.String(),
      status: Type.String(),
      latest: Type.Boolean(),
      publishedAt: Type.Optional(instant),
      problems: Type.Array(Type.String()),
    }),
  ),
})

/** The answers' common form. */
export function envelope<Data extends TSchema>(data: Data) {
  return Type.Object({
    success: Type.Literal(true),
    data,
    meta: Type.Object({ total: Type.Integer(), page: Type.Integer(), limit: Type.Integer() }),
    timestamp: instant,
  })
}

export function serviceView(row: ServiceRow): Static<typeof Service> {
  return {
    id: row.name,
    name: row.name,
    ...(row.title === null ? {} : { title: row.title }),
    description: row.description,
    version: row.version,
    status: row.status,
    source: row.source_id,
    packageTypes: row.package_types,
    transports: row.transports,
    tags: row.tags,
    ...(row.repository_url === null ? {} : { repositoryUrl: row.repository_url }),
    ...(row.website_url === null ? {} : { websiteUrl: row.website_url }),
    ...(row.published_at === null ? {} : { publishedAt: row.published_at.toISOString() }),
    updatedAt: row.updated_at.toISOString(),
    versionCount: row.versions,
    problems: row.problems,
  }
}

export function versionView(row: ServiceVersion) {
  return {
    version: row.version,
    source: row.source_id,
    status: row.status,
    latest: row.latest,
    ...(row.published_at === null ? {} : { publishedAt: row.published_at.toISOString() }),
    problems: [...row.problems],
  }
}
