import type { Configuration, Runtime, Stage, Target } from './events.ts'

type At = { readonly installationId: string; readonly now: string }
type OfStage = At & { readonly attemptId: string; readonly stage: Stage }

export type InstallationCommand =
  | (At & {
      readonly type: 'InstallServer'
      readonly attemptId: string
      readonly sourceId: string
      readonly serverName: string
      readonly version: string
      readonly target: Target
      readonly configuration: Configuration
    })
  | (At & {
      readonly type: 'UpdateServer'
      readonly attemptId: string
      readonly version: string
      readonly target: Target
      /** What the new version runs with; by default what the active one does. */
      readonly configuration?: Configuration
      readonly allowBreaking: boolean
    })
  | (OfStage & { readonly type: 'StartStage' })
  | (OfStage & {
      readonly type: 'CompleteStage'
      readonly durationMs: number
      readonly facts: Readonly<Record<string, string | number | boolean>>
      readonly runtime?: Runtime
      readonly tools?: readonly string[]
    })
  /** The attempt's directories are already gone when this is sent. */
  | (OfStage & { readonly type: 'FailAttempt'; readonly code: string; readonly cause: string })
  | (At & { readonly type: 'NoteUpdate'; readonly available: string })
  | (At & { readonly type: 'RollBack'; readonly version: string | undefined })
  | (At & {
      readonly type: 'Configure'
      readonly configuration: Omit<Configuration, 'secretNames'>
    })
  | (At & { readonly type: 'StoreSecret'; readonly name: string })
  | (At & { readonly type: 'RemoveSecret'; readonly name: string })
  | (At & { readonly type: 'Uninstall' })

export type InstallationRejection =
  | 'unknown-installation'
  | 'installation-exists'
  | 'not-installed'
  | 'attempt-in-progress'
  | 'breaking-update'
  | 'nothing-to-roll-back'
  | 'version-not-kept'
