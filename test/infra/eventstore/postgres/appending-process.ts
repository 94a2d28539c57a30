import { v5 as uuidOf } from 'uuid'
import { createPostgresEventStore } from '../../../../infra/eventstore/postgres/store.ts'
import { createPool } from '../../../../infra/postgres/pool.ts'
import { silent } from '../../../../services/ports/logger.ts'
import { noMetrics } from '../../../../services/ports/metrics.ts'
import { createTestCodec } from '../../../support/event-store-contract/scene.ts'

// A process that appends until it is killed: one writer a stream, from the revisions in its
// second argument on, and one line on stdout for each answer.

const NAMESPACE = '2b6a2f0a-4a1c-4a51-b2a6-6a3f6a6a7d11'
const context = { tenantId: 'acme', actorId: 'a', correlationId: 'c', causationId: 'c' }
const [url = '', starts = ''] = process.argv.slice(2)

const store = createPostgresEventStore({
  pool: createPool(url, { max: 2 }),
  codec: createTestCodec(),
  logger: silent,
  metrics: noMetrics,
})

async function appendForEver(writer: number, from: number): Promise<never> {
  for (let revision = from; ; revision++) {
    const text = `${writer}/${revision}`
    const event = { id: uuidOf(text, NAMESPACE), type: 'NoteWritten', data: { text } }
    const expected = revision === 0 ? 'no-stream' : BigInt(revision - 1)
    await store.append(`test-acme.writer-${writer}`, [event], expected, context)
    process.stdout.write(`${writer} ${revision}\n`)
  }
}

await Promise.all(starts.split(',').map((from, writer) => appendForEver(writer, Number(from))))
