import { randomUUID } from 'node:crypto'
import t from 'tap'
import { accept, type Decider } from '../../../domain/kernel/decider.ts'
import { streamName } from '../../../domain/kernel/ids.ts'
import { execute } from '../../../services/kernel/execute.ts'
import { react } from '../../../services/kernel/react.ts'
import { all, createTestCodec } from '../../support/event-store-contract/scene.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'

type Written = { readonly type: 'NoteWritten'; readonly data: { readonly text: string } }
type Command = { readonly text: string }

/** A letter that is ordered, then sent. */
const letter: Decider<readonly string[], Command, Written, never> = {
  initial: [],
  decide: (texts, { text }) =>
    texts.includes(text) ? accept() : accept({ type: 'NoteWritten', data: { text } }),
  evolve: (texts, { data }) => [...texts, data.text],
}
const owed = (texts: readonly string[]) =>
  texts.includes('ordered') && !texts.includes('sent') ? 'send' : undefined

const context = { tenantId: 'acme', actorId: 'postman', correlationId: 'run', causationId: 'event' }

const { store } = await freshPostgresStore(t, createTestCodec())

async function orderedLetter(): Promise<string> {
  const stream = streamName('letter', 'acme', randomUUID())
  await execute(store, letter, stream, { text: 'ordered' }, context)
  return stream
}

function postman() {
  const sent: string[] = []
  return {
    sent,
    turn: (stream: string, fails = false) =>
      react(
        store,
        letter,
        owed,
        async (action) => {
          if (fails) throw new Error('The letter box is full.')
          sent.push(action)
          return { text: 'sent' }
        },
        stream,
        context,
      ),
  }
}

t.test('what is owed is done once and recorded', async (t) => {
  const stream = await orderedLetter()
  const { sent, turn } = postman()
  t.equal(await turn(stream), true)
  t.equal(await turn(stream), false, 'a redelivery finds nothing owed')
  t.same(sent, ['send'])
  t.same(
    (await all(store.readStream(stream))).map(({ data }) => data.text),
    ['ordered', 'sent'],
  )
})

t.test('where nothing is owed nothing is done', async (t) => {
  const { sent, turn } = postman()
  t.equal(await turn(streamName('letter', 'acme', 'never-ordered')), false)
  t.same(sent, [])
})

t.test('an effect that fails records nothing and is owed still', async (t) => {
  const stream = await orderedLetter()
  const { sent, turn } = postman()
  await t.rejects(turn(stream, true), { message: 'The letter box is full.' })
  t.equal((await all(store.readStream(stream))).length, 1)
  t.equal(await turn(stream), true)
  t.same(sent, ['send'])
})

t.test('two deliveries at the same time record one outcome', async (t) => {
  const stream = await orderedLetter()
  const { turn } = postman()
  await Promise.all([turn(stream), turn(stream), turn(stream)])
  t.equal((await all(store.readStream(stream))).length, 2)
})
