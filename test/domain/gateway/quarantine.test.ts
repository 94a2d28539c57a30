import t from 'tap'
import { holds, quarantine } from '../../../domain/gateway/quarantine.ts'
import { accept } from '../../../domain/kernel/decider.ts'
import { given } from '../../support/given.ts'

const history = given(quarantine)
const installationId = '11111111-1111-4111-8111-111111111111'
const now = '2026-01-02T03:04:05.000Z'
const facts = { installationId, version: '1.0.0', generation: 2, failures: 5, cause: 'It died.' }
const quarantined = {
  type: 'ServerQuarantined',
  data: { ...facts, quarantinedAt: now },
} as const
const liftedEvent = { type: 'QuarantineLifted', data: { installationId, liftedAt: now } } as const
const enter = { type: 'QuarantineServer', ...facts, now } as const
const lift = { type: 'LiftQuarantine', installationId, now } as const

t.test('entering records why', async (t) => {
  t.same(history().when(enter), accept(quarantined))
})

t.test('entering again, as another gateway does, records nothing', async (t) => {
  t.same(history(quarantined).when(enter), accept())
})

t.test('another generation that dies is quarantined too', async (t) => {
  t.match(history(quarantined).when({ ...enter, generation: 3 }), {
    events: [{ data: { generation: 3 } }],
  })
})

t.test('lifting ends it', async (t) => {
  t.same(history(quarantined).when(lift), accept(liftedEvent))
})

t.test('what is not quarantined cannot be lifted', async (t) => {
  const refusal = { rejection: { kind: 'conflict', code: 'not-quarantined' } }
  t.match(history().when(lift), refusal)
  t.match(history(quarantined, liftedEvent).when(lift), refusal)
})

t.test('it holds for the generation that died and for no other one', async (t) => {
  const state = quarantine.evolve(quarantine.initial, quarantined)
  t.ok(holds(state, 2))
  t.notOk(holds(state, 3))
  t.notOk(holds(quarantine.evolve(state, liftedEvent), 2))
})

t.test('one that lasts holds for every generation until it is lifted', async (t) => {
  const { failures: _, ...asked } = facts
  const stop = { type: 'QuarantineServer', ...asked, untilLifted: true, now } as const
  const stopped = {
    type: 'ServerQuarantined',
    data: { ...asked, untilLifted: true, quarantinedAt: now },
  } as const
  t.same(history().when(stop), accept(stopped))
  t.same(history(quarantined).when(stop), accept(stopped), 'also where the server had died')
  t.same(history(stopped).when(stop), accept())
  t.same(history(stopped).when({ ...enter, generation: 3 }), accept(), 'it is not weakened')
  t.ok(holds(quarantine.evolve(quarantine.initial, stopped), 9))
})
