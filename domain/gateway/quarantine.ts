import { accept, type Decider, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { GatewayEvent } from './events.ts'

// Whether an installation's server may be started.
//
//   open ──QuarantineServer──► quarantined ──LiftQuarantine──► open
//
// A quarantine is about one version with one configuration: after an update or a rollback the
// server is started again without anybody lifting it, see `holds`. One that a command asked for may
// hold until it is lifted: that is how a server is stopped.

export function quarantineStream(tenantId: string, installationId: string): string {
  return streamName('quarantine', tenantId, installationId)
}

export type QuarantineCommand =
  | {
      readonly type: 'QuarantineServer'
      readonly installationId: string
      readonly version: string
      readonly generation: number
      /** Absent when nothing failed: somebody wants it. */
      readonly failures?: number
      readonly untilLifted?: boolean
      readonly cause: string
      readonly now: string
    }
  | { readonly type: 'LiftQuarantine'; readonly installationId: string; readonly now: string }

export type QuarantineRejection = 'not-quarantined'

export type QuarantineState =
  | { readonly status: 'open' }
  | {
      readonly status: 'quarantined'
      readonly generation: number
      readonly failures: number | undefined
      readonly untilLifted: boolean
      readonly cause: string
      readonly since: string
    }

type QuarantineEvent = Extract<
  GatewayEvent,
  { readonly type: 'ServerQuarantined' | 'QuarantineLifted' }
>

/** @param generation of the active version, see `ActiveVersion`. */
export function holds(
  state: QuarantineState,
  generation: number,
): state is Extract<QuarantineState, { readonly status: 'quarantined' }> {
  return state.status === 'quarantined' && (state.untilLifted || state.generation === generation)
}

export const quarantine: Decider<
  QuarantineState,
  QuarantineCommand,
  QuarantineEvent,
  QuarantineRejection
> = {
  initial: { status: 'open' },

  decide(state, command) {
    switch (command.type) {
      case 'QuarantineServer': {
        const { type: _, untilLifted = false, now, ...facts } = command
        if (holds(state, command.generation) && (state.untilLifted || !untilLifted)) return accept()
        const lasting = untilLifted ? { untilLifted } : {}
        return accept({
          type: 'ServerQuarantined',
          data: { ...facts, ...lasting, quarantinedAt: now },
        })
      }
      case 'LiftQuarantine': {
        if (state.status === 'open')
          return reject('conflict', 'not-quarantined', 'This server is not in quarantine.')
        const { installationId, now } = command
        return accept({ type: 'QuarantineLifted', data: { installationId, liftedAt: now } })
      }
    }
  },

  evolve(_state, event) {
    switch (event.type) {
      case 'ServerQuarantined': {
        const { generation, failures, untilLifted = false, cause, quarantinedAt } = event.data
        const facts = { generation, failures, untilLifted, cause }
        return { status: 'quarantined', ...facts, since: quarantinedAt }
      }
      case 'QuarantineLifted':
        return { status: 'open' }
    }
  },
}
