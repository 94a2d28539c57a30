import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { nestsDeeperThan } from '../../../infra/mcp/json-depth.ts'
import {
  DEFAULT_LINE_LIMITS,
  type LineLimits,
  readJsonLines,
} from '../../../infra/mcp/json-lines.ts'

async function read(chunks: readonly (string | Buffer)[], limits: Partial<LineLimits> = {}) {
  const source = new PassThrough()
  const values: unknown[] = []
  const bad: string[] = []
  let misbehaviour: string | undefined
  const ended = new Promise((resolve) => source.once('close', resolve))
  readJsonLines(
    source,
    { ...DEFAULT_LINE_LIMITS, ...limits },
    {
      onValue: (value) => values.push(value),
      onBadLine: (why) => bad.push(why),
      onMisbehaviour: (why) => {
        misbehaviour = why
      },
    },
  )
  for (const chunk of chunks) source.write(chunk)
  source.end()
  await ended
  return { values, bad, misbehaviour }
}

t.test('values arrive whole, wherever the chunks are cut', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 10 }),
      fc.integer({ min: 1, max: 7 }),
      async (sent, size) => {
        const bytes = Buffer.from(sent.map((value) => `${JSON.stringify(value)}\n`).join(''))
        const chunks: Buffer[] = []
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
        const { values } = await read(chunks)
        return JSON.stringify(values) === JSON.stringify(sent)
      },
    ),
    { numRuns: 50 },
  )
  t.pass()
})

t.test('what is not JSON in UTF-8, or too deep, is dropped and counted', async (t) => {
  const deep = `${'['.repeat(200)}${']'.repeat(200)}`
  const { values, bad } = await read(['nonsense\n', Buffer.from([0xff, 0x0a]), `${deep}\n`, '{}\n'])
  t.same(values, [{}])
  t.same(bad, ['not JSON', 'not UTF-8', 'nested deeper than 128'])
})

t.test('a line that is too long ends the reading, even when it never ends', async (t) => {
  const { values, misbehaviour } = await read(['1\n', 'x'.repeat(60), 'x'.repeat(60), '\n2\n'], {
    maxLineBytes: 100,
  })
  t.same(values, [1])
  t.match(misbehaviour, /line of more than 100 bytes/)
})

t.test('too many bytes or lines in a second, or too many bad lines, end the reading', async (t) => {
  t.match(await read(['"0123456789"\n'.repeat(20)], { maxBytesPerSecond: 100 }), {
    values: [],
    misbehaviour: /more than 100 bytes in a second/,
  })
  const many = await read(['1\n'.repeat(20)], { maxLinesPerSecond: 5 })
  t.equal(many.values.length, 5)
  t.match(many.misbehaviour, /more than 5 lines in a second/)
  t.match(await read(['x\n'.repeat(20)], { maxBadLines: 3 }), { misbehaviour: /no messages/ })
})

t.test('depth is found without counting what is inside of strings', async (t) => {
  t.notOk(nestsDeeperThan('{"a":"[[[[\\"[[[["}', 2))
  t.notOk(nestsDeeperThan('[["\\\\"],[[1]]]', 3))
  t.ok(nestsDeeperThan('[["\\\\"],[[1]]]', 2))
  t.ok(nestsDeeperThan('[[[["unterminated', 3))
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const depth = depthOf(value)
      const text = JSON.stringify(value)
      return !nestsDeeperThan(text, depth) && (depth === 0 || nestsDeeperThan(text, depth - 1))
    }),
  )
})

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}
