import { Type } from 'typebox'

/** Chosen by whoever adds the source, or a UUID. */
export const sourceId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })
