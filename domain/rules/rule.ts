import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import { isRecord } from '../kernel/json.ts'
import type { RuleLifeEvent } from './events.ts'
import type { RuleSettings } from './rule-settings.ts'

// One rule of a tenant, by its name:
//
//   absent ──DefineRule──► off ◄──EnableRule / DisableRule──► on ──SuspendRule──► suspended
//                                                             ▲                      │
//                                                             └──────EnableRule──────┘
//   each of them ──RemoveRule──► removed ──DefineRule──► off
//
// A rule that is revised stays on or off; its version grows, also across a removal.

export function ruleStream(tenantId: string, ruleId: string): string {
  return streamName('rule', tenantId, ruleId)
}

export type Author = Extract<RuleLifeEvent, { readonly type: 'RuleDefined' }>['data']['author']

type At = { readonly ruleId: string; readonly now: string }
type Settled = { readonly settings: RuleSettings; readonly author: Author }

type DefineRule = At & Settled & { readonly type: 'DefineRule' }

/** Of a rule that is there. */
type Change =
  | (At &
      Settled & {
        readonly type: 'ReviseRule'
        /** That the author has seen; undefined = whichever it is. */
        readonly expectedVersion: number | undefined
      })
  | (At & { readonly type: 'EnableRule' | 'DisableRule' | 'RemoveRule' })
  | (At & {
      readonly type: 'SuspendRule'
      readonly version: number
      readonly eventId: string
      readonly reason: string
    })

export type RuleCommand = DefineRule | Change

export type RuleRejection = 'rule-not-found' | 'rule-exists' | 'rule-changed' | 'rule-name-fixed'

export type KnownRule = Settled & {
  readonly status: 'on' | 'off' | 'suspended'
  readonly version: number
}

export type RuleState =
  | { readonly status: 'absent' }
  | { readonly status: 'removed'; readonly version: number }
  | KnownRule

type Decided = Decision<RuleLifeEvent, RuleRejection>

export const rule: Decider<RuleState, RuleCommand, RuleLifeEvent, RuleRejection> = {
  initial: { status: 'absent' },

  decide(state, command) {
    if (command.type === 'DefineRule') return define(state, command)
    return isKnown(state) ? decideOn(state, command) : absent(state, command)
  },

  evolve(state, event) {
    const { type, data } = event
    if (type === 'RuleDefined') {
      const { version, settings, author } = data
      return { status: 'off', version, settings, author }
    }
    if (!isKnown(state)) return state
    switch (type) {
      case 'RuleRevised': {
        const { version, settings, author } = data
        return { ...state, version, settings, author }
      }
      case 'RuleEnabled':
      case 'RuleResumed':
        return { ...state, status: 'on' }
      case 'RuleDisabled':
        return { ...state, status: 'off' }
      case 'RuleSuspended':
        return { ...state, status: 'suspended' }
      case 'RuleRemoved':
        return { status: 'removed', version: state.version }
    }
  },
}

export function isKnown(state: RuleState): state is KnownRule {
  return state.status !== 'absent' && state.status !== 'removed'
}

/** Whether both say the same; the order of members does not count, that of elements does. */
export function sameSettings(a: RuleSettings, b: RuleSettings): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    isRecord(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )
}

function decideOn(state: KnownRule, command: Change): Decided {
  const { ruleId, now } = command
  switch (command.type) {
    case 'ReviseRule':
      return revise(state, command)
    case 'EnableRule':
      if (state.status === 'suspended')
        return accept({ type: 'RuleResumed', data: { ruleId, resumedAt: now } })
      if (state.status === 'on') return accept()
      return accept({ type: 'RuleEnabled', data: { ruleId, enabledAt: now } })
    case 'DisableRule':
      if (state.status === 'off') return accept()
      return accept({ type: 'RuleDisabled', data: { ruleId, disabledAt: now } })
    case 'RemoveRule':
      return accept({ type: 'RuleRemoved', data: { ruleId, removedAt: now } })
    case 'SuspendRule': {
      const { version, eventId, reason } = command
      if (state.status !== 'on' || state.version !== version) return accept()
      const data = { ruleId, version, eventId, reason, suspendedAt: now }
      return accept({ type: 'RuleSuspended', data })
    }
  }
}

function absent(state: RuleState, { type, ruleId }: RuleCommand): Decided {
  // What is gone by now needs no removal and cannot fire too often.
  if (type === 'SuspendRule' || (type === 'RemoveRule' && state.status === 'removed'))
    return accept()
  return reject('not-found', 'rule-not-found', `There is no rule "${ruleId}".`)
}

function define(state: RuleState, { ruleId, settings, author, now }: DefineRule): Decided {
  if (isKnown(state))
    return sameSettings(state.settings, settings)
      ? accept()
      : reject('conflict', 'rule-exists', `There is a rule "${settings.name}": revise it.`)
  const version = state.status === 'removed' ? state.version + 1 : 1
  const data = { ruleId, version, settings, author, definedAt: now }
  return accept({ type: 'RuleDefined', data })
}

function revise(
  state: KnownRule,
  command: Extract<Change, { readonly type: 'ReviseRule' }>,
): Decided {
  const { ruleId, settings, author, expectedVersion, now } = command
  if (settings.name !== state.settings.name)
    return reject(
      'invalid',
      'rule-name-fixed',
      `A rule keeps its name: this one is "${state.settings.name}".`,
    )
  if (expectedVersion !== undefined && expectedVersion !== state.version)
    return reject(
      'conflict',
      'rule-changed',
      `The rule is at version ${state.version}, not ${expectedVersion}: read it again.`,
    )
  if (sameSettings(state.settings, settings)) return accept()
  const data = { ruleId, version: state.version + 1, settings, author, revisedAt: now }
  return accept({ type: 'RuleRevised', data })
}
