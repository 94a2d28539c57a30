import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import t from 'tap'
import { parse } from 'yaml'
import { WorkflowDocument } from '../../../domain/workflows/document.ts'
import { isCall, isFunctionCall, taskKind } from '../../../domain/workflows/document-tasks.ts'
import { workflowExamples } from '../../support/workflow-examples.ts'

const PUBLISHED = path.resolve(
  import.meta.dirname,
  '../../../../shared/data/serverless-workflow/workflow.schema.yaml',
)
const skip = !existsSync(PUBLISHED) && 'the published schema is not here'

const ours = compile(WorkflowDocument)
const examples: readonly unknown[] = workflowExamples.map((text) => parse(text))

t.test('every task of the language is accepted', async (t) => {
  for (const example of examples) t.ok(ours(example), JSON.stringify(ours.errors))
})

t.test('a task is told by its keyword', async (t) => {
  t.equal(taskKind({ for: { in: '.a' }, do: [] }), 'for', 'not by the do that it also has')
  t.equal(taskKind({ do: [] }), 'do')
  t.ok(isCall({ call: 'http', with: { method: 'get', endpoint: 'https://a.example' } }, 'http'))
  t.notOk(isCall({ call: 'sync' }, 'http'))
  t.ok(isFunctionCall({ call: 'sync' }))
  t.notOk(isFunctionCall({ wait: 'PT1S' }))
})

t.test('the published schema gives the same verdict', { skip }, async (t) => {
  const published = compile(parse(readFileSync(PUBLISHED, 'utf8')))
  for (const example of examples) t.ok(published(example), JSON.stringify(published.errors))

  t.test('on documents with one or several mutations', async (t) => {
    const counts = { valid: 0, invalid: 0 }
    const mutated = fc
      .tuple(fc.constantFrom(...examples), fc.array(mutation, { minLength: 1, maxLength: 3 }))
      .map(([example, mutations]) => mutations.reduce(mutate, structuredClone(example)))
    fc.assert(
      fc.property(mutated, (document) => {
        const expected = published(document)
        counts[expected ? 'valid' : 'invalid'] += 1
        return ours(document) === expected
      }),
      { numRuns: Number(process.env.WORKFLOW_MUTATIONS ?? 2_000) },
    )
    t.ok(counts.valid > 50 && counts.invalid > 50, JSON.stringify(counts))
  })
})

function compile(schema: object): ValidateFunction {
  const ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv)
  return ajv.compile(schema)
}

/** `place` chooses one of the containers of a document, `member` one of its members. */
type Mutation = {
  readonly place: number
  readonly member: number
  readonly kind: 'delete' | 'replace' | 'add'
  readonly name: string
  readonly value: unknown
}

const values = fc.oneof(
  fc.constantFrom<unknown>(
    ...[
      '',
      'text',
      'exit',
      'http',
      '/a',
      '${ .a }',
      'PT1S',
      'P',
      'https://a.example',
      'x://{',
      '1.0',
    ],
    ...[0, 1, -1, 1.5, true, false, null, [], {}, { a: 1 }, { use: 'a' }, { seconds: 1 }],
    ...[{ type: 'a' }, { with: {} }, { with: { type: 'a' } }, [{ a: { wait: 'PT1S' } }], [{}]],
    ...[{ set: { a: 1 } }, { one: { with: { type: 'a' } } }, { document: {} }, { basic: {} }],
  ),
)
const names = fc.constantFrom(
  ...['unknown', 'call', 'do', 'for', 'set', 'wait', 'try', 'catch', 'run', 'with', 'then', 'if'],
  ...['switch', 'listen', 'emit', 'raise', 'fork', 'use', 'basic', 'bearer', 'constant', 'linear'],
  ...['any', 'one', 'all', 'until', 'http', 'stdio', 'container', 'shell', 'script', 'workflow'],
  ...['document', 'resource', 'every', 'cron', 'after', 'on', 'timeout', 'foreach', 'while'],
  ...['amount', 'message', 'subscription', 'operation', 'channel', 'code', 'source', 'oauth2'],
  ...['metadata', 'input', 'output', 'export', 'schema', 'from', 'as', 'title', 'uri', 'days'],
)
const mutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(),
  member: fc.nat(),
  kind: fc.constantFrom('delete', 'replace', 'replace', 'add'),
  name: names,
  value: values,
})

function mutate(document: unknown, { place, member, kind, name, value }: Mutation): unknown {
  const places = containers(document)
  const container = places[place % Math.max(places.length, 1)]
  if (container === undefined) return document
  const keys = Object.keys(container)
  const key = keys[member % Math.max(keys.length, 1)]
  if (kind === 'add') {
    if (Array.isArray(container)) container.push(structuredClone(value))
    else container[name] = structuredClone(value)
  } else if (key !== undefined) {
    if (kind === 'replace') container[key] = structuredClone(value)
    else if (Array.isArray(container)) container.splice(Number(key), 1)
    else delete container[key]
  }
  return document
}

type Container = Record<string, unknown> | (unknown[] & Record<string, unknown>)

function containers(value: unknown): Container[] {
  if (typeof value !== 'object' || value === null) return []
  return [value as Container, ...Object.values(value).flatMap(containers)]
}
