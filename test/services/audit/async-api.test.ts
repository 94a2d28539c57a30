import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import specs from '@asyncapi/specs'
import { Ajv, type SchemaObject } from 'ajv'
import addFormats from 'ajv-formats'
import t from 'tap'
import { personalFields } from '../../../domain/kernel/personal.ts'
import { encode } from '../../../infra/nats/cloud-event.ts'
import { asyncApi, asyncApiRoute } from '../../../services/audit/async-api.ts'
import { eventVersions } from '../../../services/audit/async-api-messages.ts'
import { toCloudEvent } from '../../../services/kernel/cloud-event.ts'
import { testEvent } from '../../../services/webhooks/test-event.ts'
import { testApp } from '../../support/app.ts'
import { recordedEvent } from '../../support/recorded-event.ts'

type Message = { readonly headers?: object; readonly payload: object }
type Document = {
  readonly asyncapi: '3.0.0'
  readonly channels: Record<string, { readonly address: string; readonly messages: object }>
  readonly operations: Record<string, { readonly channel: { readonly $ref: string } }>
  readonly components: { readonly messages: Record<string, Message>; readonly schemas: object }
}

async function served(t: Parameters<typeof testApp>[0]): Promise<Document> {
  const { inject } = await testApp(t, asyncApiRoute('1.2.3'))
  return (await inject({ url: '/asyncapi.json' }, null)).json()
}

/** The data of the golden files, which programs stored once, as events. */
const golden = eventVersions.map((each) => {
  const name = `${each.context}.${each.type}.v${each.version}`
  const file = new URL(`../../golden/${name}.json`, import.meta.url)
  const { data, current = data } = JSON.parse(readFileSync(file, 'utf8'))
  const names = personalFields(each.schema).map(({ name: field }) => [field, 'in plain text'])
  const stored = recordedEvent(1n, { type: each.type, data: current })
  const shown = { ...stored, data: { ...current, ...Object.fromEntries(names) } }
  return { ...each, stored, shown }
})

t.test('the document is one of AsyncAPI, and says so to everybody', async (t) => {
  const document = await served(t)
  const schema = specs.schemasWithoutId[document.asyncapi] as SchemaObject
  const ajv = new Ajv({ strict: false, meta: false, validateSchema: false, allErrors: true })
  addFormats.default(ajv)
  const validate = ajv.compile(schema)
  t.ok(validate(document), ajv.errorsText(validate.errors).slice(0, 1_000))
  t.match(document, { info: { title: 'Tidemark events', version: '1.2.3' } })
  const broken = { ...document, channels: { stream: { adress: 'x' } } }
  t.notOk(validate(broken), 'the schema tells')
})

t.test('every reference leads somewhere, and nothing is there for nobody', async (t) => {
  const document = await served(t)
  const refs = new Set(
    [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, to = '']) => to),
  )
  for (const ref of refs) {
    const target = ref
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document)
    t.ok(target, ref)
  }
  for (const name of Object.keys(document.components.messages))
    t.ok(refs.has(`components/messages/${name}`), `${name} is a message of a channel`)
  for (const name of Object.keys(document.channels))
    t.ok(refs.has(`channels/${name}`), `${name} is a channel of an operation`)
})

t.test('every event type has its subject, and every version its message', async (t) => {
  const { channels } = await served(t)
  for (const { context, type, version } of eventVersions) {
    t.equal(channels[type]?.address, `tidemark.{tenant}.${context}.${type}`)
    t.match(channels[type]?.messages, { [`${type}.v${version}`]: {} })
    t.match(channels.stream?.messages, { [`${type}.json`]: {} })
  }
  t.match(channels.webhook?.messages, { 'WebhookTest.webhook': {}, 'RuleFired.webhook': {} })
})

t.test('what is sent is what the document says', async (t) => {
  const { components } = asyncApi('1') as Document
  const ajv = new Ajv({ strict: false })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'document', components })
  const checks = (schema: object) =>
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')))
  for (const { type, version, isCurrent, schema, stored, shown } of golden) {
    if (!isCurrent) continue
    const bus = components.messages[`${type}.v${version}`]
    const { headers, payload } = encode(stored, 1_000_000)
    const first = Object.fromEntries(
      Object.entries(headers).map(([name, [value]]) => [name, value]),
    )
    const isHeaders = checks(bus?.headers ?? {})
    t.ok(isHeaders(first), `${type} ${ajv.errorsText(isHeaders.errors)}`)
    const isData = checks(bus?.payload ?? {})
    t.ok(isData(JSON.parse(Buffer.from(payload).toString())), ajv.errorsText(isData.errors))
    const isEvent = checks(components.messages[`${type}.json`]?.payload ?? {})
    const structured = JSON.parse(JSON.stringify(toCloudEvent(shown)))
    t.ok(isEvent(structured), ajv.errorsText(isEvent.errors))
    t.notOk(isEvent({ ...structured, type: 'Other' }), 'of another type')
    const signed = components.messages[`${type}.webhook`]
    if (signed === undefined) continue
    const isSigned = checks(signed.payload)
    t.ok(
      isSigned(JSON.parse(JSON.stringify(toCloudEvent(stored)))),
      ajv.errorsText(isSigned.errors),
    )
    if (personalFields(schema).length > 0) t.notOk(isSigned(structured), 'in plain text')
  }
  const key = { tenantId: 'acme', webhookId: randomUUID() }
  const test = testEvent(
    key,
    { ...key, actorId: 'a', correlationId: 'c', causationId: 'c' },
    new Date(),
  )
  const isTest = checks(components.messages['WebhookTest.webhook']?.payload ?? {})
  t.ok(isTest(test), ajv.errorsText(isTest.errors))
  t.notOk(isTest({ ...test, type: 'RuleFired' }))
  const known = new Set(Object.keys((components.schemas as Known).BusHeaders.properties))
  const [any] = golden
  const sent = any === undefined ? [] : Object.keys(encode(any.stored, 0).headers)
  t.same(
    sent.filter((name) => !known.has(name)),
    [],
    'every header is described',
  )
})

type Known = { readonly BusHeaders: { readonly properties: object } }
