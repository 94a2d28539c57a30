import { type LookupAddress, lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { UpstreamError } from '../../services/ports/upstream-registry.ts'

/** Where an operator's own registry may be, when the operator allows it; never link-local, where clouds keep secrets. */
const PRIVATE_RANGES = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat'])

export type AddressPolicy = {
  /** Whether addresses of the operator's own network may be read from. */
  readonly allowPrivate: boolean
}

/**
 * The address, when it may be read from: http or https, without credentials, and no literal
 * address of a forbidden network. The names in it are checked when they are dialled.
 *
 * @throws {UpstreamError} `upstream-address-refused`
 */
export function checkedUrl(location: string, policy: AddressPolicy): URL {
  const url = URL.canParse(location) ? new URL(location) : undefined
  if (url === undefined) throw refused('It is not an address.')
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refused('Only http and https addresses can be read.')
  if (url.username !== '' || url.password !== '')
    throw refused('An address must not carry credentials.')
  // The URL parser has turned every spelling of an IPv4 address into the dotted one.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (ipaddr.isValid(host) && !isAllowed(host, policy)) throw refused(privateNetwork(policy))
  return url
}

/**
 * For the dialling of a connection: resolves the name and refuses when any of its addresses is
 * forbidden, so that the address which was checked is the one that is dialled.
 */
export function guardedLookup(policy: AddressPolicy): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address, policy)))
        return callback(refused(privateNetwork(policy)), [])
      if (options.all === true) return callback(null, addresses)
      const [{ address, family }] = addresses as [LookupAddress]
      return callback(null, address, family)
    })
  }
}

/** Whether the guard is why something failed, however often that was wrapped. */
export function isRefusedAddress(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if (each instanceof UpstreamError && each.code === 'upstream-address-refused') return true
  return false
}

function isAllowed(address: string, { allowPrivate }: AddressPolicy): boolean {
  // `process` unwraps an IPv4 address inside an IPv6 one.
  const range = ipaddr.process(address).range()
  return range === 'unicast' || (allowPrivate && PRIVATE_RANGES.has(range))
}

function privateNetwork({ allowPrivate }: AddressPolicy): string {
  return allowPrivate
    ? 'The address belongs to a network that is never read from.'
    : 'The address belongs to a private network, which the operator of this server has not allowed.'
}

function refused(detail: string): UpstreamError {
  return new UpstreamError('upstream-address-refused', detail)
}
