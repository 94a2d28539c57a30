/** Every table a read model owns. */
export type Tables = Record<never, never>

/** Every read model that the projector runs, one line each. */
export const readModels = [] as const
