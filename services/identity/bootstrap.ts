import { apiKey, apiKeyStream } from '../../domain/identity/api-key.ts'
import { SCOPES } from '../../domain/identity/scopes.ts'
import {
  type CatalogueVisibility,
  DEFAULT_TENANT,
  tenant,
  tenantStream,
} from '../../domain/identity/tenant.ts'
import { execute, load } from '../kernel/execute.ts'
import type { ApiKeys } from '../ports/api-keys.ts'
import type { AppendContext, EventStore, Position } from '../ports/event-store.ts'

/** Fixed, so that of all processes that ever start on one log exactly one issues the first key. */
const FIRST_KEY_ID = '0000000000000001'
const FIRST_SUBJECT_ID = '00000000-0000-4000-8000-000000000001'

export type BootstrapDeps = {
  readonly store: EventStore
  readonly apiKeys: ApiKeys
  readonly now: () => Date
  /** Shows the first key to the operator and answers with what it shows: an earlier text stays. */
  readonly showFirstKey: (create: () => string) => Promise<string>
  readonly catalogue: CatalogueVisibility
}

const context: AppendContext = {
  tenantId: DEFAULT_TENANT,
  actorId: 'system:bootstrap',
  correlationId: 'bootstrap',
  causationId: 'bootstrap',
}

/**
 * The default tenant and its first key, which may do everything. At every later start it finds
 * both and does nothing: what people changed since stays.
 *
 * @returns the position from which on the first key works.
 */
export async function bootstrap(deps: BootstrapDeps): Promise<Position> {
  const before = await load(deps.store, apiKey, apiKeyStream(DEFAULT_TENANT, FIRST_KEY_ID))
  if (before.state.status !== 'absent') return before.position
  const now = deps.now().toISOString()
  await createTenant(deps, now)
  const first = await firstKey(deps)
  const issued = await execute(
    deps.store,
    apiKey,
    apiKeyStream(DEFAULT_TENANT, FIRST_KEY_ID),
    {
      type: 'IssueApiKey',
      keyId: FIRST_KEY_ID,
      secretHash: first.secretHash,
      subjectId: FIRST_SUBJECT_ID,
      name: 'first key',
      scopes: SCOPES,
      heldScopes: SCOPES,
      now,
    },
    context,
  )
  return issued.position
}

async function createTenant({ store, catalogue }: BootstrapDeps, now: string): Promise<void> {
  const stream = tenantStream(DEFAULT_TENANT)
  await execute(store, tenant, stream, { type: 'CreateTenant', name: 'Default', now }, context)
  if (catalogue === 'private') return
  const change = { type: 'ChangeCatalogueVisibility', visibility: catalogue, now } as const
  await execute(store, tenant, stream, change, context)
}

async function firstKey({ apiKeys, showFirstKey }: BootstrapDeps) {
  const text = await showFirstKey(() => apiKeys.create(FIRST_KEY_ID).key)
  const key = apiKeys.read(text)
  if (key?.keyId === FIRST_KEY_ID) return key
  throw new Error('What is kept as the first API key is not one; delete that file and start again.')
}
