import type { Kysely } from 'kysely'
import type { EndedSessions } from '../../services/ports/ended-sessions.ts'

export type EndedSessionsTables = {
  'ops.mcp_ended_sessions': {
    readonly tenant_id: string
    readonly session_id: string
    readonly forget_at: Date
  }
}

export function createEndedSessions(
  db: Kysely<EndedSessionsTables>,
  now: () => Date,
): EndedSessions {
  return {
    async add(tenantId, sessionId, forgetAt) {
      await db.deleteFrom('ops.mcp_ended_sessions').where('forget_at', '<', now()).execute()
      await db
        .insertInto('ops.mcp_ended_sessions')
        .values({ tenant_id: tenantId, session_id: sessionId, forget_at: forgetAt })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    async has(tenantId, sessionId) {
      const found = await db
        .selectFrom('ops.mcp_ended_sessions')
        .select('session_id')
        .where('tenant_id', '=', tenantId)
        .where('session_id', '=', sessionId)
        .executeTakeFirst()
      return found !== undefined
    },
  }
}
