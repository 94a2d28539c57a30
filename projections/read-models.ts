import { type InstallationsTables, installations } from './installer/installations.ts'
import type { AnyReadModel } from './kernel/read-model.ts'

// A new read model is one line in each of the two lists below, beside its own file, its
// migration and its test:
//   export type Tables = InstallationsTables & CatalogueTables
//   export const readModels = [installations, catalogue] as const satisfies readonly AnyReadModel[]

/** Every table that a read model owns. */
export type Tables = InstallationsTables

/** Every read model that the projector runs. */
export const readModels = [installations] as const satisfies readonly AnyReadModel[]
