import { accept, type Decider, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { PrivacyEvent } from './events.ts'

/** A person whose data the log holds, as far as erasing it goes. */
export function subjectStream(tenantId: string, subjectId: string): string {
  return streamName('subject', tenantId, subjectId)
}

export type SubjectCommand =
  | {
      readonly type: 'RequestErasure'
      readonly subjectId: string
      /** Whether there is, or was, a key for the subject. */
      readonly known: boolean
      readonly now: string
    }
  | { readonly type: 'RecordErasure'; readonly now: string }

export type SubjectRejection = 'subject-unknown'

export type SubjectState =
  | { readonly status: 'untouched' }
  | { readonly status: 'erasing'; readonly subjectId: string }
  | { readonly status: 'erased'; readonly subjectId: string; readonly erasedAt: string }

export type SubjectEvent = Extract<
  PrivacyEvent,
  { type: 'SubjectErasureRequested' | 'SubjectErased' }
>

export const subject: Decider<SubjectState, SubjectCommand, SubjectEvent, SubjectRejection> = {
  initial: { status: 'untouched' },

  decide(state, command) {
    switch (command.type) {
      case 'RequestErasure': {
        const { subjectId, known, now } = command
        if (state.status !== 'untouched') return accept()
        if (!known)
          return reject('not-found', 'subject-unknown', 'Nothing is recorded about this subject.')
        return accept({ type: 'SubjectErasureRequested', data: { subjectId, requestedAt: now } })
      }
      case 'RecordErasure':
        if (state.status !== 'erasing') return accept()
        return accept({
          type: 'SubjectErased',
          data: { subjectId: state.subjectId, erasedAt: command.now },
        })
    }
  },

  evolve(_state, event) {
    const { subjectId } = event.data
    switch (event.type) {
      case 'SubjectErasureRequested':
        return { status: 'erasing', subjectId }
      case 'SubjectErased':
        return { status: 'erased', subjectId, erasedAt: event.data.erasedAt }
    }
  },
}

/** The subject whose key is still to be destroyed. */
export function erasureOwed(state: SubjectState): string | undefined {
  return state.status === 'erasing' ? state.subjectId : undefined
}
