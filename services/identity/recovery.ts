import { v4 as randomUuid } from 'uuid'
import { apiKey, apiKeyStream } from '../../domain/identity/api-key.ts'
import { SCOPES } from '../../domain/identity/scopes.ts'
import { tenant, tenantStream } from '../../domain/identity/tenant.ts'
import { TENANT_ID_PATTERN } from '../../domain/kernel/ids.ts'
import { execute, load } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import type { ApiKeys, NewApiKey } from '../ports/api-keys.ts'
import type { AppendContext, EventStore, Position } from '../ports/event-store.ts'

const TENANT_ID = new RegExp(TENANT_ID_PATTERN)

export type RecoveryDeps = {
  readonly store: EventStore
  readonly apiKeys: ApiKeys
  readonly now: () => Date
  /** Shows the key to the operator, before it works: no key that works is unseen. */
  readonly show: (key: NewApiKey) => Promise<void>
}

export type RecoveredKey = {
  readonly keyId: string
  /** From here on it works. */
  readonly position: Position
}

/**
 * Another key that may do everything, for a tenant whose keys are lost. It revokes nothing: who
 * holds an old key keeps it until somebody revokes that.
 *
 * @throws {ProblemError} 404 `tenant-unknown`.
 */
export async function recoverKey(deps: RecoveryDeps, tenantId: string): Promise<RecoveredKey> {
  const { store } = deps
  if (!TENANT_ID.test(tenantId)) throw unknownTenant(tenantId)
  const { state } = await load(store, tenant, tenantStream(tenantId))
  if (state.status === 'absent') throw unknownTenant(tenantId)
  const created = deps.apiKeys.create()
  await deps.show(created)
  const { keyId, secretHash } = created
  const context: AppendContext = {
    ...{ tenantId, actorId: 'operator:recovery' },
    ...{ correlationId: keyId, causationId: keyId },
  }
  const { position } = await execute(
    store,
    apiKey,
    apiKeyStream(tenantId, keyId),
    {
      type: 'IssueApiKey',
      ...{
        keyId,
        subjectId: randomUuid(),
        secretHash,
        name: 'recovery key',
        scopes: SCOPES,
        heldScopes: SCOPES,
      },
      now: deps.now().toISOString(),
    },
    context,
  )
  return { keyId, position }
}

function unknownTenant(tenantId: string) {
  return problem(404, 'tenant-unknown', `There is no tenant "${tenantId}".`)
}
