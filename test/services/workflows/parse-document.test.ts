import t from 'tap'
import { parseWorkflow } from '../../../services/workflows/parse-document.ts'
import { cpuMsOf } from '../../support/cpu-time.ts'
import { workflowExamples } from '../../support/workflow-examples.ts'
import { commands, faultsOf, HEAD } from '../../support/workflow-faults.ts'

t.test('the same document in YAML and in JSON has the same hash', async (t) => {
  const yaml = parseWorkflow(`${HEAD}do: [ { a: { set: { x: 1 } } } ]`, commands)
  const json = parseWorkflow(JSON.stringify(yaml.document, null, '\t'), commands)
  t.equal(json.hash, yaml.hash)
  t.match(yaml.hash, /^[0-9a-f]{64}$/)
  t.not(parseWorkflow(`${HEAD}do: [ { a: { set: { x: 2 } } } ]`, commands).hash, yaml.hash)
})

t.test('a fault is named by its path, the reason and its line', async (t) => {
  const faults = {
    'do:\n  - a:\n      wait: later\n': [
      '/do/0/a/wait: line 4, column 7: must be a duration such as PT5S, an object such as { minutes: 5 }, or a runtime expression',
    ],
    'do:\n  - a:\n      call: http\n      with: { method: get }\n': [
      '/do/0/a/with: line 5, column 7: the member "endpoint" is missing',
    ],
    'do:\n  - a: { sett: { x: 1 } }\n': [
      '/do/0/a: line 3, column 5: must be a task: an object with one of call, fork, emit, for, listen, raise, run, set, switch, try, wait, do',
    ],
    'do:\n  - a: { set: { x: 1 }, wait: PT1S }\n': [
      '/do/0/a/wait: line 3, column 25: "wait" is not a member that belongs here',
    ],
    'do:\n  - a: { set: { x: 1 } }\n    b: { set: { x: 1 } }\n': [
      '/do/0: line 3, column 5: must be an object with a task under its name, and nothing else',
    ],
    'do: [ { a: { for: { each: x }, do: [] } } ]': [
      '/do/0/a/for: line 2, column 14: the member "in" is missing',
    ],
    'do: [ { a: { try: [], catch: { retry: { delay: soon } } } } ]': [
      '/do/0/a/catch/retry/delay: line 2, column 41: must be a duration such as PT5S, an object such as { minutes: 5 }, or a runtime expression',
    ],
  }
  for (const [body, expected] of Object.entries(faults)) t.same(faultsOf(body), expected, body)
})

t.test('faults inside nested tasks do not multiply', async (t) => {
  let body = '{ wait: never }'
  for (let level = 0; level < 12; level++) body = `{ do: [ { t: ${body} } ] }`
  t.equal(faultsOf(`do: [ { a: ${body} } ]`).length, 1)
})

t.test('what is not available here is refused when it is saved', async (t) => {
  const [, , calls = ''] = workflowExamples
  const faults = faultsOf(calls, '')
  for (const part of ['call: grpc', 'call: a2a', 'call: asyncapi', 'run: container'])
    t.ok(
      faults.some((fault) => fault.includes(`${part} is not available here`)),
      part,
    )
  const others = {
    'do: [ { a: { run: { script: { language: js, code: "1" } } } } ]': 'run: script',
    'do: [ { a: { run: { shell: { command: ls } } } } ]': 'run: shell',
    'do: [ { a: { call: http, with: { method: get, endpoint: { uri: https://a.example, authentication: { basic: { username: u, password: p } } } } } } ]':
      /^\/do\/0\/a\/with\/endpoint\/authentication\/basic\/password: line 2, column 123: credentials are named/,
    'do: [ { a: { call: openapi, with: { document: { endpoint: https://a.example }, operationId: x, authentication: { bearer: { token: t } } } } } ]':
      'credentials are named',
    'use: { secrets: [ a ], authentications: { b: { bearer: { token: t } } } }\ndo: []':
      '/use/authentications/b/bearer/token: ',
    'use: { secrets: [ a ] }\ndo: [ { a: { call: http, with: { method: get, endpoint: { uri: https://a.example, authentication: { bearer: { use: b } } } } } } ]':
      '/endpoint/authentication/bearer/use: line 3, column 111: use.secrets has no "b"',
    'do: [ { a: { call: mcp, with: { method: tools/list, transport: { http: { endpoint: { uri: http://a.example, authentication: { use: b } } } } } } } ]':
      'authentication is not available here',
    'timeouts: {}\ndo: []': '"timeouts" is not a member',
    'input: { schema: { resource: { endpoint: https://a.example } } }\ndo: []':
      'only schemas inside',
    'do: [ { a: { emit: { event: { with: { source: https://a.example, type: a } } } } } ]':
      'is custom.<Name>',
    'do: [ { a: { set: { x: 1 }, output: { schema: { format: avro, document: {} } } } } ]':
      'only the format json',
  }
  for (const [body, reason] of Object.entries(others)) t.match(faultsOf(body), [reason], body)
  t.match(faultsOf('do: []', HEAD.replace('1.0.3', '2.0.0')), ['the version of the language'])
})

t.test('credentials are named, which is no expression', async (t) => {
  const of = (token: string) =>
    `use: { secrets: [ a-b ] }\ndo: [ { c: { call: http, with: { method: get, endpoint: { uri: https://a.example, authentication: { bearer: { token: "${token}" } } } } } } ]`
  t.same(faultsOf(of('${ $secrets.a-b }')), [])
  t.match(faultsOf(of('${ $secrets.c }')), ['/authentication/bearer/token: line 3, column 111: '])
  const read = 'use: { secrets: [ a ] }\ndo: [ { b: { set: "${ $secrets.a }" } } ]'
  t.match(faultsOf(read), [/^\/do\/0\/b\/set: line 3, .*is not jq: \$secrets is not defined/])
  const policies = `use: { authentications: { x: { oauth2: { grant: password } } } }\ndo: []`
  t.match(faultsOf(policies), ['/use/authentications/x/oauth2: line 2, column 32: credentials'])
})

t.test('names that a run could not record are refused', async (t) => {
  const name = 'n'.repeat(900)
  const nested = (depth: number): string =>
    depth === 0 ? '{ set: { x: 1 } }' : `{ do: [ { ${name}: ${nested(depth - 1)} } ] }`
  const faults = {
    [`do: [ { ? ${'n'.repeat(1_001)} : { set: { x: 1 } } } ]`]: /may have 1000 characters/,
    [`do: [ { a: ${nested(5)} } ]`]: /too long together/,
    [`do: [ { a: { listen: { to: { any: [], until: { one: { with: { type: ${'t'.repeat(1_001)} } } } } } } } ]`]:
      /type of an event may have 1000/,
  }
  for (const [body, reason] of Object.entries(faults)) t.match(faultsOf(body)[0] ?? '', reason)
  t.same(faultsOf(`do: [ { a: ${nested(4)} } ]`), [])
})

t.test('names that lead nowhere are refused', async (t) => {
  const faults = {
    'do: [ { a: { set: { x: 1 }, then: b } } ]': 'there is no task "b" in this list',
    'do: [ { a: { switch: [ { c: { then: b } } ] } } ]': 'there is no task "b" in this list',
    'do: [ { a: { fork: { branches: [ { b: { wait: PT1S, then: c } }, { c: { wait: PT1S } } ] } } } ]':
      'there is no task "c" that it could go on with',
    'do: [ { a: { set: { x: 1 } } }, { a: { set: { x: 1 } } } ]': 'another task called "a"',
    'do: [ { end: { set: { x: 1 } } } ]': 'is a flow directive',
    'do: [ { a: { call: drop } } ]':
      'there is no function "drop": use.functions does not have it, and Tidemark\'s are sync, install',
    'do: [ { a: { raise: { error: broken } } } ]': 'use.errors has no "broken"',
    'do: [ { a: { try: [], catch: { retry: often } } } ]': 'use.retries has no "often"',
    'do: [ { a: { wait: PT1S, timeout: short } } ]': 'use.timeouts has no "short"',
    'timeout: short\ndo: []': 'use.timeouts has no "short"',
    'use: { functions: { f: { call: g }, g: { call: f } } }\ndo: []': 'it calls itself in the end',
    'use: { functions: { f: { do: [ { a: { call: g } } ] }, g: { try: [ { b: { call: f } } ], catch: {} } } }\ndo: []':
      'it calls itself in the end',
  }
  for (const [body, reason] of Object.entries(faults))
    t.match(faultsOf(body)[0] ?? '', reason, body)
  t.same(faultsOf('use: { functions: { f: { call: sync } } }\ndo: [ { a: { call: f } } ]'), [])
})

t.test('a cycle of `then` that no condition leaves is refused', async (t) => {
  const refused = [
    'do: [ { a: { set: { x: 1 }, then: a } } ]',
    'do: [ { a: { wait: PT1S } }, { b: { set: { x: 1 }, then: a } } ]',
    'do: [ { a: { switch: [ { one: { when: .x, then: a } }, { other: { then: b } } ] } }, { b: { set: { x: 1 }, then: a } } ]',
    'do: [ { go: { do: [ { a: { set: { x: 1 }, then: a } } ] } } ]',
    'do: [ { a: { set: { x: 1 } } }, { b: { if: .x, set: { x: 1 }, then: a } }, { c: { set: { x: 1 }, then: a } } ]',
  ]
  for (const body of refused) t.match(faultsOf(body), [/no condition leaves the cycle/], body)
  const accepted = [
    'do: [ { a: { switch: [ { again: { when: .x, then: a } } ] } } ]',
    'do: [ { a: { switch: [ { again: { when: .x, then: a } }, { other: { then: end } } ] } } ]',
    'do: [ { a: { set: { x: 1 } } }, { b: { if: .x, set: { x: 1 }, then: a } } ]',
    'do: [ { a: { do: [ { check: { switch: [ { done: { when: .x, then: end } } ] } } ], then: a } } ]',
    'do: [ { a: { set: { x: 1 }, then: c } }, { b: { set: { x: 1 }, then: b } }, { c: { wait: PT1S } } ]',
  ]
  for (const body of accepted) t.same(faultsOf(body), [], body)
})

t.test('expressions that are not jq are refused, with what is wrong', async (t) => {
  const faults = {
    'do: [ { a: { set: { x: "${ .a | }" } } } ]': /^\/do\/0\/a\/set\/x: .*is not jq: .*\.a \|"/,
    'do: [ { a: { if: .a ==, wait: PT1S } } ]': /^\/do\/0\/a\/if: /,
    'do: [ { a: { switch: [ { c: { when: "(", then: end } } ] } } ]':
      /^\/do\/0\/a\/switch\/0\/c\/when/,
    'do: [ { a: { call: sync, with: { x: [ "${ nosuch }" ] } } } ]':
      /^\/do\/0\/a\/with\/x\/0: .*nosuch/,
    'do: [ { a: { set: { x: "${ $nobody }" } } } ]': /nobody/,
    'input: { from: "{" }\ndo: []': /^\/input\/from/,
    'do: [ { a: { for: { in: "}" }, do: [] } } ]': /^\/do\/0\/a\/for\/in/,
    'do: [ { a: { try: [], catch: { when: "]" } } } ]': /^\/do\/0\/a\/catch\/when/,
    'do: [ { a: { listen: { to: { any: [ { with: { type: "${ ( }" } } ], until: "(" } } } } ]':
      /^\/do\/0\/a\/listen\/to\/any\/0\/with\/type/,
    'do: [ { a: { wait: "${ | }" } } ]': /^\/do\/0\/a\/wait/,
  }
  for (const [body, reason] of Object.entries(faults))
    t.match(faultsOf(body)[0] ?? '', reason, body)
  const named =
    'do: [ { a: { for: { each: line, at: place, in: .x }, do: [ { b: { set: { x: "${ $line + $place }" } } } ] } } ]'
  t.same(faultsOf(named), [])
})

t.test("Tidemark's metadata is checked, other metadata is the author's", async (t) => {
  const task = (metadata: string) => `do: [ { a: { wait: PT1S, metadata: ${metadata} } } ]`
  t.same(faultsOf(task('{ colour: red }')), [])
  t.same(faultsOf(task('{ tidemark.approve: { by: { actors: [ a ] }, within: PT1H } }')), [])
  t.same(faultsOf(task('{ tidemark.compensate: { call: sync } }')), [])
  t.match(faultsOf(task('{ tidemark.approve: { by: {} } }')), ['/by'])
  const asking = '{ wait: PT1S, metadata: { tidemark.approve: { by: { scope: s } } } }'
  t.match(faultsOf(task(`{ tidemark.compensate: ${asking} }`)), [
    '/do/0/a/metadata/tidemark.compensate/metadata/tidemark.approve',
  ])
  t.same(faultsOf(task(`{ tidemark.compensate: { do: [ { ask: ${asking} } ] } }`)), [])
  const undone = '{ call: sync, metadata: { tidemark.compensate: { call: sync } } }'
  t.match(faultsOf(task(`{ tidemark.compensate: { do: [ { undo: ${undone} } ] } }`)), [
    'cannot be taken back itself',
  ])
  t.match(faultsOf(task('{ tidemark.aprove: {} }')), ['tidemark.approve, tidemark.compensate'])
  t.match(faultsOf(task('{ tidemark.compensate: { call: drop } }')), ['no function "drop"'])
  t.match(faultsOf(task('{ tidemark.compensate: { undo: it } }')), ['must be a task'])
})

t.test('hostile text is refused quickly', async (t) => {
  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (const [index, name] of [...'bcdefghi'].entries()) {
    const of = `*${'abcdefgh'[index]}`
    laughs.push(`${name}: &${name} [${Array(9).fill(of).join(', ')}]`)
  }
  const tasks = (count: number) =>
    `do:\n${Array.from({ length: count }, (_, index) => `  - t${index}: { wait: PT1S }\n`).join('')}`
  const hostile = {
    'a YAML bomb': [laughs.join('\n'), 'aliases cannot be resolved'],
    'an alias of itself': ['do: &a [ { x: { do: *a } } ]', 'nests deeper'],
    'an alias of nothing': ['do: *nothing', /./],
    '10,000 tasks': [tasks(10_000), 'a workflow may have 1000 tasks'],
    'a 5 MB literal': [
      `do: [ { a: { set: { x: "${'x'.repeat(5_000_000)}" } } } ]`,
      'may have 1048576',
    ],
    'a large literal': [`do: [ { a: { set: { x: "${'x'.repeat(600_000)}" } } } ]`, 'too-large'],
    'deep flow': [`do: ${'['.repeat(20_000)}`, 'nests deeper'],
    'deep blocks': [`do:\n${'- '.repeat(20_000)}a`, 'nests deeper'],
    'deep tasks': [
      `do: [ { a: ${'{ do: [ { a: '.repeat(17)}{ wait: PT1S }${' } ] }'.repeat(17)} } ]`,
      'nest deeper',
    ],
    'a tag of its own': ['do: !!js/function "x"', /./],
    'a second document': ['do: []\n---\ndo: []', 'more than one document'],
    'a member twice': ['do: []\ndo: []', 'is there twice'],
    'a poisoned member': ['do: []\n__proto__: { a: 1 }', '__proto__'],
    infinity: ['do: [ { a: { set: { x: .inf } } } ]', 'a number that JSON does not have'],
    'no object': ['', 'must be object'],
    'many keys': [
      `do: []\n${Array.from({ length: 20_000 }, (_, n) => `k${n}: 1\n`).join('')}`,
      /./,
    ],
  } as const
  for (const [name, [body, reason]] of Object.entries(hostile)) {
    let faults: readonly string[] = []
    const ms = cpuMsOf(() => {
      faults = faultsOf(body, name === 'no object' ? 'a' : HEAD)
    })
    t.match(faults[0] ?? '', reason, name)
    t.ok(ms < 5_000, `${name}: ${Math.round(ms)} ms`)
  }
})
