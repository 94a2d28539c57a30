/** The MCP sessions that their clients have ended, as every gateway knows them. */
export type EndedSessions = {
  /** @param forgetAt from then on the session's id counts for nothing anyway. */
  add(tenantId: string, sessionId: string, forgetAt: Date): Promise<void>
  has(tenantId: string, sessionId: string): Promise<boolean>
}
