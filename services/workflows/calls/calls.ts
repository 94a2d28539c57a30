import type { OutgoingCalls } from '../../ports/outgoing-call.ts'
import type { Authenticate } from '../authentication/authenticate.ts'
import type { CallKind } from '../perform.ts'
import { httpCall } from './http.ts'
import { openApiCall } from './openapi.ts'

/** The kinds of `call` that reach other systems, by name. */
export function createCalls(
  outgoing: OutgoingCalls,
  authenticate: Authenticate,
): ReadonlyMap<string, CallKind> {
  return new Map([
    ['http', { access: 'workflows:write', call: httpCall(outgoing, authenticate) }],
    ['openapi', { access: 'workflows:write', call: openApiCall(outgoing, authenticate) }],
  ])
}
