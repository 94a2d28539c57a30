import { type InstallationsTables, installations } from './installer/installations.ts'

/** Every table a read model owns. */
export type Tables = InstallationsTables

/** Every read model that the projector runs, one line each. */
export const readModels = [installations] as const
