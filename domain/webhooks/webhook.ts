import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { WebhookEvent } from './events.ts'

// Where one tenant wants to be told what happens:
//
//   absent ──RegisterWebhook──► enabled ◄──ChangeWebhook (enabled)──► paused
//                                  │ ▲
//                  DisableWebhook  ▼ │ ChangeWebhook (enabled: true)
//                               disabled            each of them ──RemoveWebhook──► removed
//
// `paused` is what a person wants, `disabled` what the receiver caused. What happens meanwhile
// is sent after the webhook was resumed.

export function webhookStream(tenantId: string, webhookId: string): string {
  return streamName('webhook', tenantId, webhookId)
}

export type WebhookSettings = {
  readonly name: string
  readonly url: string
  /** Empty = all event types. */
  readonly types: readonly string[]
}

export type ReplaySelection = Extract<
  WebhookEvent,
  { readonly type: 'WebhookReplayRequested' }
>['data']['selection']

type Addressed = { readonly webhookId: string; readonly now: string }

export type WebhookCommand =
  | (Addressed & WebhookSettings & { readonly type: 'RegisterWebhook'; readonly secretId: string })
  | (Addressed &
      Partial<WebhookSettings> & {
        readonly type: 'ChangeWebhook'
        /** True resumes it, also when it is disabled. */
        readonly enabled?: boolean
      })
  | (Addressed & {
      readonly type: 'DisableWebhook'
      readonly code: 'gone' | 'unresponsive'
      readonly cause: string
    })
  | (Addressed & {
      readonly type: 'RotateWebhookSecret'
      readonly secretId: string
      readonly previousUntil: string
    })
  | (Addressed & {
      readonly type: 'RequestWebhookReplay'
      readonly replayId: string
      readonly selection: ReplaySelection
    })
  | (Addressed & { readonly type: 'RemoveWebhook' })

export type WebhookRejection = 'webhook-not-found' | 'webhook-exists'

export type KnownWebhook = WebhookSettings & {
  readonly status: 'enabled' | 'paused' | 'disabled'
  readonly secretId: string
  /** The secret before, which signs too until then. */
  readonly previous: { readonly secretId: string; readonly until: string } | undefined
}

export type WebhookState =
  | { readonly status: 'absent' }
  | { readonly status: 'removed' }
  | KnownWebhook

export const webhook: Decider<WebhookState, WebhookCommand, WebhookEvent, WebhookRejection> = {
  initial: { status: 'absent' },

  decide(state, command) {
    const { webhookId, now } = command
    if (command.type === 'RegisterWebhook') return register(state, command)
    if (command.type === 'RemoveWebhook' && state.status === 'removed') return accept()
    // Tidemark disables what it called; that it is gone by then is no fault.
    if (!isKnown(state)) return command.type === 'DisableWebhook' ? accept() : notFound(webhookId)
    switch (command.type) {
      case 'ChangeWebhook':
        return change(state, command)
      case 'DisableWebhook': {
        const { code, cause } = command
        if (state.status !== 'enabled') return accept()
        return accept({
          type: 'WebhookDisabled',
          data: { webhookId, code, cause, disabledAt: now },
        })
      }
      case 'RotateWebhookSecret': {
        const { secretId, previousUntil } = command
        const data = { webhookId, secretId, previousUntil, rotatedAt: now }
        return accept({ type: 'WebhookSecretRotated', data })
      }
      case 'RequestWebhookReplay': {
        const { replayId, selection } = command
        const data = { webhookId, replayId, selection, requestedAt: now }
        return accept({ type: 'WebhookReplayRequested', data })
      }
      case 'RemoveWebhook':
        return accept({ type: 'WebhookRemoved', data: { webhookId, removedAt: now } })
    }
  },

  evolve(state, event) {
    if (event.type === 'WebhookRegistered') {
      const { name, url, types, secretId } = event.data
      return { status: 'enabled', name, url, types, secretId, previous: undefined }
    }
    if (!isKnown(state)) return state
    switch (event.type) {
      case 'WebhookChanged': {
        const { name, url, types } = event.data
        return { ...state, name, url, types }
      }
      case 'WebhookPaused':
        return { ...state, status: 'paused' }
      case 'WebhookResumed':
        return { ...state, status: 'enabled' }
      case 'WebhookDisabled':
        return { ...state, status: 'disabled' }
      case 'WebhookSecretRotated': {
        const { secretId, previousUntil: until } = event.data
        return { ...state, secretId, previous: { secretId: state.secretId, until } }
      }
      case 'WebhookReplayRequested':
        return state
      case 'WebhookRemoved':
        return { status: 'removed' }
    }
  },
}

/** Ids of the secrets that sign a message at this moment, the current one first. */
export function signingSecrets({ secretId, previous }: KnownWebhook, now: Date): string[] {
  const overlaps = previous !== undefined && now.getTime() < Date.parse(previous.until)
  return overlaps ? [secretId, previous.secretId] : [secretId]
}

export function isKnown(state: WebhookState): state is KnownWebhook {
  return state.status !== 'absent' && state.status !== 'removed'
}

type Command<Type extends WebhookCommand['type']> = Extract<WebhookCommand, { readonly type: Type }>
type Decided = Decision<WebhookEvent, WebhookRejection>

function register(state: WebhookState, command: Command<'RegisterWebhook'>): Decided {
  const { webhookId, name, url, types, secretId, now } = command
  if (state.status !== 'absent')
    return reject('conflict', 'webhook-exists', `There is a webhook "${webhookId}" already.`)
  const data = { webhookId, name, url, types: [...types], secretId, registeredAt: now }
  return accept({ type: 'WebhookRegistered', data })
}

function change(state: KnownWebhook, command: Command<'ChangeWebhook'>): Decided {
  const { webhookId, enabled, now } = command
  const { name = state.name, url = state.url, types = state.types } = command
  const same = name === state.name && url === state.url && sameTypes(types, state.types)
  const events: WebhookEvent[] = []
  if (!same) {
    const data = { webhookId, name, url, types: [...types], changedAt: now }
    events.push({ type: 'WebhookChanged', data })
  }
  if (enabled === true && state.status !== 'enabled')
    events.push({ type: 'WebhookResumed', data: { webhookId, resumedAt: now } })
  if (enabled === false && state.status === 'enabled')
    events.push({ type: 'WebhookPaused', data: { webhookId, pausedAt: now } })
  return accept(...events)
}

function sameTypes(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((type) => b.includes(type))
}

function notFound(webhookId: string): Decided {
  return reject('not-found', 'webhook-not-found', `There is no webhook "${webhookId}".`)
}
