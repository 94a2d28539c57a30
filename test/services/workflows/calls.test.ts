import t from 'tap'
import type { Json } from '../../../domain/kernel/json.ts'
import { createOutgoingCalls } from '../../../infra/workflows/http-call.ts'
import type { Authenticate } from '../../../services/workflows/authentication/authenticate.ts'
import type { CallMembers } from '../../../services/workflows/calls/call.ts'
import { createCalls } from '../../../services/workflows/calls/calls.ts'
import { json, startOther } from '../../support/other-system.ts'

const KEY = '5f0f4f4e-0000-4000-8000-000000000000'
const TYPES = 'https://serverlessworkflow.io/spec/1.0.0/errors/'
const CONTEXT = {
  input: {},
  idempotencyKey: KEY,
  owner: { tenantId: 'acme', actorId: 'key:owner' },
  signal: new AbortController().signal,
}

const other = await startOther(t)
const outgoing = createOutgoingCalls({ allowPrivate: true, timeoutMs: 1_000 })
const guarded = createOutgoingCalls({ allowPrivate: false })
t.teardown(async () => {
  await outgoing[Symbol.asyncDispose]()
  await guarded[Symbol.asyncDispose]()
})
/** What a call authenticates with is tried with a store of secrets. */
const open: Authenticate = (_tenant, _authentication, request, send) => send(request)
const calls = createCalls(outgoing, open)

async function call(name: string, members: CallMembers, input: Json = {}, signal = CONTEXT.signal) {
  const made = await calls.get(name)?.call(members, { ...CONTEXT, input, signal })
  return made as { output?: Json; error?: { type: string; status: number; detail: string } }
}

const http = (members: CallMembers, input?: Json) =>
  call('http', { method: 'get', endpoint: `${other.base}/echo`, ...members }, input)

t.test('a call has its method, address, query, headers, body and idempotency key', async (t) => {
  const outcome = await http(
    {
      method: 'post',
      endpoint: { uri: `${other.base}/pets/{petId}` },
      query: { tag: ['a', 'b c'], limit: 2 },
      headers: { 'X-Trace': 'on' },
      body: { name: 'rex' },
    },
    { petId: 'a/b' },
  )
  const body = '{"name":"rex"}'
  t.same(outcome, { output: { method: 'POST', url: '/pets/a%2Fb?tag=a&tag=b+c&limit=2', body } })
  t.match(other.got.at(-1)?.headers, {
    'x-trace': 'on',
    'content-type': 'application/json',
    'idempotency-key': KEY,
  })
})

t.test('a form is encoded as one, text stays text', async (t) => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const form = await http({ method: 'post', headers, body: { a: 1, b: 'x y' } })
  t.match(form.output, { body: 'a=1&b=x+y' })
  t.match((await http({ method: 'post', body: 'plain' })).output, { body: 'plain' })
})

t.test('an answer is JSON, text or base64, by what it says that it is', async (t) => {
  other.answers.set('/text', (response) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end('hello'),
  )
  other.answers.set('/bytes', (response) => response.writeHead(200).end(Buffer.from([0, 255])))
  other.answers.set('/none', (response) => response.writeHead(204).end())
  const at = async (path: string, output: string) =>
    (await http({ endpoint: other.base + path, output })).output
  t.equal(await at('/text', 'content'), 'hello')
  t.equal(await at('/bytes', 'content'), 'AP8=')
  t.equal(await at('/none', 'content'), null)
  t.equal(await at('/text', 'raw'), 'aGVsbG8=')
})

t.test('the whole response shows no secrets of the request', async (t) => {
  const headers = { authorization: 'Bearer hidden', cookie: 'a=b', 'x-other': '1' }
  const { output } = await http({ output: 'response', headers })
  t.match(output, { statusCode: 200, request: { method: 'GET', headers: { 'x-other': '1' } } })
  t.notMatch(JSON.stringify(output), /hidden|a=b/)
})

t.test('a status that is no success is a communication error with that status', async (t) => {
  other.answers.set('/gone', (response) => json(response, { why: 'moved out' }, 410))
  const { error } = await http({ endpoint: `${other.base}/gone` })
  t.match(error, { type: `${TYPES}communication`, status: 410, detail: /410.*moved out/ })
})

t.test('a redirect is not followed: an error, or an answer where that is wanted', async (t) => {
  other.answers.set('/away', (response) =>
    response.writeHead(302, { location: `${other.base}/echo` }).end(),
  )
  const before = other.got.length
  const away = { endpoint: `${other.base}/away` }
  t.match((await http(away)).error, { type: `${TYPES}communication`, status: 302 })
  const { output } = await http({ ...away, redirect: true, output: 'response' })
  t.match(output, { statusCode: 302 })
  t.equal(other.got.length, before + 2)
  // As the standard says what `redirect` means: 200 to 299 are no errors, with it 200 to 399.
  for (const status of [200, 299, 300, 399, 400]) {
    other.answers.set('/status', (response) => response.writeHead(status).end())
    const made = { endpoint: `${other.base}/status`, output: 'response' }
    for (const [redirect, limit] of [
      [false, 300],
      [true, 400],
    ] as const) {
      const isError = (await http({ ...made, redirect })).error !== undefined
      t.equal(isError, status >= limit, `${status}, redirect: ${redirect}`)
    }
  }
})

t.test('what takes too long, is too large, breaks off or lies is an error', async (t) => {
  other.answers.set('/slow', () => {})
  other.answers.set('/large', (response) => response.writeHead(200).end('x'.repeat(300_000)))
  other.answers.set('/broken', (response) => response.destroy())
  other.answers.set('/lies', (response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
  )
  other.answers.set('/deep', (response) =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end('['.repeat(50_000) + ']'.repeat(50_000)),
  )
  const at = async (path: string) => (await http({ endpoint: other.base + path })).error
  t.match(await at('/slow'), { type: `${TYPES}timeout`, status: 408 })
  t.match(await at('/large'), { type: `${TYPES}communication`, status: 502 })
  t.match(await at('/broken'), { type: `${TYPES}communication`, status: 503 })
  t.match(await at('/lies'), { type: `${TYPES}communication`, status: 502 })
  t.match(await at('/deep'), { type: `${TYPES}communication`, status: 502, detail: /nests/ })
})

t.test('private addresses are not called unless the operator allows it', async (t) => {
  const strict = createCalls(guarded, open).get('http')?.call
  for (const endpoint of [`${other.base}/echo`, 'http://localhost/x', 'http://169.254.169.254/x']) {
    const outcome = await strict?.({ method: 'get', endpoint }, CONTEXT)
    t.match(outcome, { error: { type: `${TYPES}configuration`, detail: /private network/ } })
  }
  const linkLocal = await http({ endpoint: 'http://169.254.169.254/latest' })
  t.match(linkLocal.error, { type: `${TYPES}configuration`, detail: /never read/ })
})

t.test('what cannot be a call is a configuration error', async (t) => {
  const faulty: CallMembers[] = [
    { endpoint: 'ftp://a.example/x' },
    { endpoint: 'nonsense' },
    { endpoint: 'http://user:word@a.example/' },
    { method: 'BAD METHOD' },
    { headers: { 'bad name': 'x' } },
    { headers: { host: 'a.example' } },
    { headers: { a: 'line\nbreak' } },
    { query: 'a=b' },
    { endpoint: { uri: `${other.base}/x`, authentication: { bearer: { token: 't' } } } },
  ]
  for (const members of faulty)
    t.match((await http(members)).error, { type: `${TYPES}configuration` }, JSON.stringify(members))
})

t.test('what fills a template cannot leave its place', async (t) => {
  const endpoint = `${other.base}/pets/{id}/toys`
  t.match((await http({ endpoint }, { id: '..' })).error, { type: `${TYPES}validation` })
  t.match((await http({ endpoint }, { id: '../x' })).output, { url: '/pets/..%2Fx/toys' })
})

t.test('a call that is ended has no outcome', async (t) => {
  const stop = new AbortController()
  const made = call('http', { method: 'get', endpoint: `${other.base}/slow` }, {}, stop.signal)
  stop.abort()
  await t.rejects(made, { name: 'AbortError' })
})

const PETS = {
  openapi: '3.0.3',
  servers: [{ url: '/v1' }],
  paths: {
    '/pets/{petId}': {
      parameters: [{ $ref: '#/components/parameters/petId' }],
      get: {
        operationId: 'getPet',
        parameters: [
          { name: 'fields', in: 'query', schema: { type: 'array' } },
          { name: 'X-Mode', in: 'header', required: true },
        ],
      },
      put: {
        operationId: 'putPet',
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } },
        },
      },
    },
  },
  components: {
    parameters: { petId: { name: 'petId', in: 'path', required: true } },
    schemas: {
      Pet: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', pattern: '^(a+)+$' },
          tag: { $ref: '#/components/schemas/Tag' },
        },
      },
      Tag: { type: 'string', nullable: true },
    },
  },
}

const openapi = (operationId: string, parameters: CallMembers, path = '/openapi.json') =>
  call('openapi', { document: { endpoint: other.base + path }, operationId, parameters })

t.test('an operation is called with its parameters where they belong', async (t) => {
  other.answers.set('/openapi.json', (response) => json(response, PETS))
  const outcome = await openapi('getPet', { petId: 7, fields: ['a', 'b'], 'X-Mode': 'fast' })
  t.match(outcome.output, { method: 'GET', url: '/v1/pets/7?fields=a&fields=b' })
  t.match(other.got.at(-1)?.headers, { 'x-mode': 'fast', 'idempotency-key': KEY })
  const members = { document: { endpoint: `${other.base}/openapi.json` }, operationId: 'getPet' }
  const parameters = { petId: 9, 'X-Mode': 'fast' }
  other.answers.set('/v1/pets/9', (response) => response.writeHead(303).end())
  t.match((await call('openapi', { ...members, parameters })).error, { status: 303 })
  t.match(await call('openapi', { ...members, parameters, redirect: true }), { output: null })
  const before = other.got.length
  await openapi('getPet', { petId: 8, 'X-Mode': 'fast' })
  t.equal(other.got.length, before + 1, 'the document is not fetched again')
})

t.test('what the operation does not take is refused before it is called', async (t) => {
  const before = other.got.length
  const error = async (name: string, given: CallMembers) => (await openapi(name, given)).error
  t.match(await error('getPet', { petId: 7 }), { type: `${TYPES}validation`, detail: /X-Mode/ })
  t.match(await error('getPet', { 'X-Mode': 'x' }), { type: `${TYPES}validation` })
  t.match(await error('putPet', { petId: 1 }), { type: `${TYPES}validation`, detail: /"body"/ })
  t.match(await error('putPet', { petId: 1, body: {} }), { type: `${TYPES}validation` })
  const hostile = { name: `${'a'.repeat(40)}!` }
  t.match(await error('putPet', { petId: 1, body: hostile }), { type: `${TYPES}validation` })
  t.match(await error('putPet', { petId: '..', body: { name: 'a' } }), { status: 400 })
  t.match(await error('none', {}), { type: `${TYPES}configuration`, detail: /"none"/ })
  t.equal(other.got.length, before)
  const body = { name: 'aaa', tag: null }
  t.match(await openapi('putPet', { petId: 1, body }), {
    output: { method: 'PUT', body: JSON.stringify(body) },
  })
})

t.test('documents in YAML and of Swagger 2 are read, others are errors', async (t) => {
  const host = other.base.replace('http://', '')
  other.answers.set('/swagger.yaml', (response) =>
    response.end(
      `swagger: "2.0"\nhost: ${host}\nbasePath: /v2\nschemes: [http]\npaths:\n  /add:\n    post:\n      operationId: add\n      parameters:\n        - { name: item, in: body, required: true, schema: { type: object } }\n`,
    ),
  )
  const added = await openapi('add', { item: { a: 1 } }, '/swagger.yaml')
  t.match(added.output, { method: 'POST', url: '/v2/add', body: '{"a":1}' })
  other.answers.set('/nothing', (response) => response.end('- 1'))
  t.match((await openapi('add', {}, '/nothing')).error, { type: `${TYPES}communication` })
  other.answers.set('/missing', (response) => json(response, {}, 404))
  t.match((await openapi('add', {}, '/missing')).error, { status: 404 })
})
