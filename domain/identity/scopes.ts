/** What an API key can allow. One place: routes, key issuing and documents all read it. */
export const SCOPES = [
  'catalogue:read',
  'sources:write',
  'installations:read',
  'installations:write',
  'tools:call',
  'analytics:read',
  'analytics:write',
  'audit:read',
  'events:write',
  'rules:read',
  'rules:write',
  'workflows:read',
  'workflows:write',
  'keys:write',
  'operations:read',
  'operations:write',
] as const

export type Scope = (typeof SCOPES)[number]
