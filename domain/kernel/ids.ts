/** A tenant's id: it is a part of stream names and of bus subjects, so it has no dot, blank or wildcard. */
export const TENANT_ID_PATTERN = '^[a-z0-9][a-z0-9-]{0,62}$'

const tenantId = new RegExp(TENANT_ID_PATTERN)

/** As all ids are written here; `urn:uuid:` and upper case would be other names of the same thing. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** In UTF-16 units, so at most 2,400 bytes of UTF-8: stream names are index keys, of which Postgres takes 2,704. */
export const MAX_STREAM_NAME_LENGTH = 800

/**
 * `<category>-<tenant>.<id>`: the category says which aggregate, the tenant is always there.
 *
 * @throws {RangeError} when the tenant's id or the length is not allowed.
 */
export function streamName(category: string, tenant: string, id: string): string {
  if (!tenantId.test(tenant)) throw new RangeError(`"${tenant}" is not a tenant id.`)
  const name = `${category}-${tenant}.${id}`
  if (name.length > MAX_STREAM_NAME_LENGTH)
    throw new RangeError(
      `A stream name may have ${MAX_STREAM_NAME_LENGTH} characters, this has ${name.length}.`,
    )
  return name
}

/** The tenant that a stream's name carries; undefined when `streamName` did not make the name. */
export function tenantOfStream(stream: string): string | undefined {
  const dot = stream.indexOf('.')
  const category = stream.indexOf('-')
  if (category < 1 || dot < category) return undefined
  const tenant = stream.slice(category + 1, dot)
  return tenantId.test(tenant) ? tenant : undefined
}
