import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import t from 'tap'
import { eventCatalogue, eventDefinition } from '../../domain/event-catalogue.ts'
import { personalFields, storedSchema } from '../../domain/kernel/personal.ts'
import { currentVersion, upcast } from '../../domain/kernel/upcast.ts'

// Golden files: `data` is what a program stored once, in that version. They are never edited.
// Where a later version exists, `current` is what readers get today.

type Golden = {
  readonly data: Record<string, unknown>
  readonly current?: Record<string, unknown>
}

const GOLDEN = path.resolve(import.meta.dirname, '../golden')
const [stored, readable] = [new Ajv(), new Ajv({ keywords: ['personal'] })]
for (const ajv of [stored, readable]) addFormats.default(ajv)

const versions = Object.entries(eventCatalogue).flatMap(([context, events]) =>
  Object.entries(events).flatMap(([type, definition]) =>
    definition.versions.map((schema, index) => ({
      context,
      type,
      definition,
      schema,
      version: index + 1,
      file: `${context}.${type}.v${index + 1}.json`,
    })),
  ),
)

function golden(file: string): Golden {
  return JSON.parse(readFileSync(path.join(GOLDEN, file), 'utf8'))
}

t.test(
  'every version of every event has a golden file, and every golden file an event',
  async (t) => {
    t.same(readdirSync(GOLDEN).sort(), versions.map(({ file }) => file).sort())
  },
)

t.test('a golden event fits the schema of its version', async (t) => {
  for (const { file, schema } of versions) {
    if (!existsSync(path.join(GOLDEN, file))) continue
    const validate = stored.compile(storedSchema(schema))
    t.ok(validate(golden(file).data), `${file} ${stored.errorsText(validate.errors)}`)
  }
})

t.test('a golden event of any version reads as one of the current version', async (t) => {
  for (const { file, type, definition, version } of versions) {
    if (!existsSync(path.join(GOLDEN, file))) continue
    const { data, current = data } = golden(file)
    const isOld = version < currentVersion(definition)
    t.equal(golden(file).current !== undefined, isOld, `${file} says what readers get today`)
    t.same(upcast(definition, version, data), current, file)
    const validate = readable.compile(definition.versions.at(-1) ?? {})
    t.ok(validate(current), `${type} ${readable.errorsText(validate.errors)}`)
  }
})

t.test('a personal field names its subject, and keeps its name in later versions', async (t) => {
  for (const { type, definition, schema, version } of versions)
    for (const { name, subject } of personalFields(schema)) {
      t.match(schema.properties[subject], { format: 'uuid' }, `${type}.${name}`)
      const later = definition.versions.slice(version)
      for (const next of later)
        t.ok(
          personalFields(next).some((field) => field.name === name),
          `${type}.${name}`,
        )
    }
})

t.test('an event type belongs to one context', async (t) => {
  const types = Object.values(eventCatalogue).flatMap((events) => Object.keys(events))
  t.equal(new Set(types).size, types.length)
  for (const [context, events] of Object.entries(eventCatalogue))
    for (const [type, definition] of Object.entries(events))
      t.same(eventDefinition(type), { context, definition }, type)
})

t.test('a schema is named after its context, type and version', async (t) => {
  for (const { context, type, version, schema } of versions)
    t.match(schema, { $id: `${context}.${type}.v${version}` })
})

t.test('each version but the last has an upcaster', async (t) => {
  for (const { type, definition } of versions)
    t.equal(definition.upcasters.length, definition.versions.length - 1, type)
})

t.test('an unknown type is no event', async (t) => {
  for (const type of ['NeverHeardOf', 'toString', '__proto__', ''])
    t.equal(eventDefinition(type), undefined, `"${type}"`)
})
