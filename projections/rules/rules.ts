import type { Kysely, Selectable } from 'kysely'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { RulesEvent } from '../../domain/rules/events.ts'
import type { Change, ReadModel } from '../kernel/read-model.ts'

type RuleSettings = Extract<RulesEvent, { readonly type: 'RuleDefined' }>['data']['settings']

// Every rule that is there, and every version that any rule ever had.

export interface RulesTables {
  rules: {
    tenant_id: string
    rule_id: string
    version: number
    name: string
    settings: RuleSettings
    author: string
    status: 'on' | 'off' | 'suspended'
    /** Why it is suspended. */
    reason: string | null
    changed_at: Date | string
  }
  rule_versions: {
    tenant_id: string
    rule_id: string
    version: number
    settings: RuleSettings
    author: string
    revised_at: Date | string
  }
}

export type RuleRow = Selectable<RulesTables['rules']>
export type RuleVersionRow = Selectable<RulesTables['rule_versions']>

type Patch = Extract<
  Change<RulesTables>,
  { readonly table: 'rules'; readonly patch: unknown }
>['patch']

function patch({ tenantId }: EventMeta, ruleId: string, columns: Patch) {
  return [{ table: 'rules' as const, at: { tenant_id: tenantId, rule_id: ruleId }, patch: columns }]
}

type Settled = {
  readonly ruleId: string
  readonly version: number
  readonly settings: RuleSettings
  readonly author: { readonly actorId: string }
}

function versionOf({ ruleId, version, settings, author }: Settled, tenantId: string, at: string) {
  const key = { tenant_id: tenantId, rule_id: ruleId, version }
  const put = { ...key, settings, author: author.actorId, revised_at: at }
  return { table: 'rule_versions' as const, put }
}

export const rules: ReadModel<RulesEvent, RulesTables> = {
  name: 'rules',
  version: 1,
  keys: { rules: ['tenant_id', 'rule_id'], rule_versions: ['tenant_id', 'rule_id', 'version'] },
  changes: {
    RuleDefined: ({ data }, { tenantId }) => [
      versionOf(data, tenantId, data.definedAt),
      {
        table: 'rules',
        put: {
          tenant_id: tenantId,
          rule_id: data.ruleId,
          version: data.version,
          name: data.settings.name,
          settings: data.settings,
          author: data.author.actorId,
          status: 'off',
          reason: null,
          changed_at: data.definedAt,
        },
      },
    ],
    RuleRevised: ({ data }, meta) => [
      versionOf(data, meta.tenantId, data.revisedAt),
      ...patch(meta, data.ruleId, {
        version: data.version,
        settings: data.settings,
        author: data.author.actorId,
        changed_at: data.revisedAt,
      }),
    ],
    RuleEnabled: ({ data }, meta) =>
      patch(meta, data.ruleId, { status: 'on', changed_at: data.enabledAt }),
    RuleDisabled: ({ data }, meta) =>
      patch(meta, data.ruleId, { status: 'off', reason: null, changed_at: data.disabledAt }),
    RuleSuspended: ({ data }, meta) =>
      patch(meta, data.ruleId, {
        status: 'suspended',
        reason: data.reason,
        changed_at: data.suspendedAt,
      }),
    RuleResumed: ({ data }, meta) =>
      patch(meta, data.ruleId, { status: 'on', reason: null, changed_at: data.resumedAt }),
    RuleRemoved: ({ data }, { tenantId }) => [
      { table: 'rules', remove: { tenant_id: tenantId, rule_id: data.ruleId } },
    ],
  },
}

/** By name. @param page `after`: name and id, exclusive. */
export function listRules(
  db: Kysely<RulesTables>,
  tenantId: string,
  {
    after,
    limit,
  }: { readonly after?: readonly [string, string] | undefined; readonly limit: number },
): Promise<RuleRow[]> {
  return db
    .selectFrom('rules')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .$if(after !== undefined, (query) =>
      query.where((on) =>
        on(on.refTuple('name', 'rule_id'), '>', on.tuple(after?.[0] ?? '', after?.[1] ?? '')),
      ),
    )
    .orderBy('name')
    .orderBy('rule_id')
    .limit(limit)
    .execute()
}

export function findRule(
  db: Kysely<RulesTables>,
  tenantId: string,
  ruleId: string,
): Promise<RuleRow | undefined> {
  return db
    .selectFrom('rules')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('rule_id', '=', ruleId)
    .executeTakeFirst()
}

/** Newest first; also of a rule that was removed. */
export function ruleVersions(
  db: Kysely<RulesTables>,
  tenantId: string,
  ruleId: string,
  limit: number,
): Promise<RuleVersionRow[]> {
  return db
    .selectFrom('rule_versions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('rule_id', '=', ruleId)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute()
}

/** How many rules of all tenants are suspended. */
export async function countSuspended(db: Kysely<RulesTables>): Promise<number> {
  const row = await db
    .selectFrom('rules')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('status', '=', 'suspended')
    .executeTakeFirstOrThrow()
  return Number(row.count)
}
