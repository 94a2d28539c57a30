// Documents that together use every task, every kind of call and every reusable part of the language.

const head = (name: string) =>
  `document: { dsl: 1.0.3, namespace: examples, name: ${name}, version: 0.1.0, title: T, summary: S, tags: { a: b }, metadata: { c: 1 } }\n`

const flow = `
input: { schema: { format: json, document: { type: object } }, from: .order }
use:
  errors:
    broken: { type: https://errors.example/broken, status: 500, title: Broken, detail: "\${ .why }", instance: /do/0 }
  retries:
    thrice: { delay: { seconds: 1 }, backoff: { exponential: {} }, limit: { attempt: { count: 3, duration: PT1M }, duration: { minutes: 5 } }, jitter: { from: { milliseconds: 1 }, to: PT1S } }
  timeouts: { short: { after: PT5S } }
  functions:
    getOrder: { call: http, with: { method: get, endpoint: https://orders.example/order } }
  secrets: [ token ]
  catalogs: { public: { endpoint: { uri: https://catalog.example } } }
  extensions:
    - log: { extend: all, when: .a, before: [ { note: { set: { noted: true } } } ], after: [] }
do:
  - choose:
      if: .ready
      switch:
        - big: { when: .size > 10, then: many }
        - other: { then: end }
  - many:
      for: { each: line, in: .lines, at: place }
      while: .going
      do:
        - one: { set: { line: "\${ $line }" }, output: { as: .line }, export: { as: { last: .line } } }
      timeout: short
  - both:
      fork:
        compete: true
        branches:
          - left: { do: [ { step: { set: "\${ .x }" } } ] }
          - right: { wait: { days: 1, hours: 2, minutes: 3, seconds: 4, milliseconds: 5 } }
  - careful:
      try: [ { call: { call: getOrder, with: { id: 7 } } } ]
      catch:
        errors: { with: { type: https://errors.example/broken, status: 500, instance: /a, title: t, details: d } }
        as: problem
        when: .a
        exceptWhen: .b
        retry: thrice
        do: [ { give: { raise: { error: broken } } } ]
  - again:
      try: [ { pause: { wait: P1DT2H } } ]
      catch: { retry: { when: .a, exceptWhen: .b, delay: PT1S, backoff: { constant: {} }, limit: { attempt: { count: 2 } } } }
  - fail:
      raise: { error: { type: "\${ .type }", status: 400, instance: "\${ .at }" } }
      then: exit
  - child: { run: { await: false, return: all, workflow: { namespace: a, name: b, version: 1.0.0, input: { c: 1 } } } }
timeout: { after: { hours: 1 } }
output: { as: .result, schema: { resource: { name: r, endpoint: https://schemas.example/r } } }
schedule: { cron: 0 3 * * * }
`

const events = `
schedule: { on: { any: [ { with: { type: a } }, { with: { source: https://a.example } } ], until: .done } }
do:
  - tell:
      emit:
        event:
          with: { id: "1", source: https://a.example, type: com.example.a, time: "2026-01-02T03:04:05Z", subject: s, datacontenttype: application/json, dataschema: "https://schemas.example/{id}", data: { a: 1 }, extra: 5 }
  - hearOne: { listen: { to: { one: { with: { type: a, time: "\${ .t }" }, correlate: { order: { from: .data.order, expect: "\${ .order }" } } } }, read: envelope } }
  - hearAll: { listen: { to: { all: [ { with: { type: a } }, { with: { type: b } } ] } }, foreach: { item: it, at: i, do: [ { n: { set: { a: 1 } } } ], output: { as: . }, export: { as: . } } }
  - hearAny: { listen: { to: { any: [ { with: { type: a } } ], until: { any: [ { with: { type: stop } } ] } } } }
  - hearUntilOne: { listen: { to: { any: [], until: { one: { with: { type: stop } } } } } }
  - hearUntilAll: { listen: { to: { any: [], until: { all: [ { with: { type: stop } } ] } } } }
`

const calls = `
use:
  authentications:
    a: { basic: { username: u, password: p } }
    b: { bearer: { use: token } }
    c: { digest: { use: token } }
    d: { oauth2: { authority: https://auth.example, grant: client_credentials, client: { id: i, secret: s, authentication: client_secret_post }, endpoints: { token: /t }, request: { encoding: application/json }, scopes: [ x ], audiences: [ y ], issuers: [ z ], subject: { token: t, type: u } } }
    e: { oidc: { authority: "https://auth.example/{x}", grant: password, username: u, password: p, actor: { token: t, type: u } } }
schedule: { every: { hours: 1 } }
do:
  - web: { call: http, with: { method: post, endpoint: { uri: "https://a.example/{id}", authentication: { use: a } }, headers: { accept: text/plain }, body: { a: 1 }, query: "\${ .query }", output: response, redirect: true } }
  - webExpression: { call: http, with: { method: get, endpoint: "\${ .address }", headers: "\${ .headers }", query: { a: b } } }
  - described: { call: openapi, with: { document: { name: d, endpoint: https://a.example/openapi.json }, operationId: get, parameters: { id: 1 }, authentication: { bearer: { token: t } }, output: content, redirect: false } }
  - tool: { call: mcp, with: { protocolVersion: 2025-06-18, method: tools/call, parameters: { name: t, arguments: {} }, timeout: PT5S, transport: { http: { endpoint: https://mcp.example, headers: { a: b } }, options: { c: d } }, client: { name: n, version: "1" } } }
  - localTool: { call: mcp, with: { method: tools/list, parameters: "\${ .p }", transport: { stdio: { command: c, arguments: [ a ], environment: { A: b } } } } }
  - command: { call: sync, with: { source: main } }
  - rpc: { call: grpc, with: { proto: { endpoint: file:///a.proto }, service: { name: s, host: localhost, port: 5011, authentication: { digest: { username: u, password: p } } }, method: m, arguments: { a: 1 } } }
  - agent: { call: a2a, with: { agentCard: { endpoint: https://a.example/card }, method: message/send, parameters: { message: {} } } }
  - agentText: { call: a2a, with: { server: https://a.example, method: tasks/get, parameters: "\${ .p }" } }
  - publish: { call: asyncapi, with: { document: { endpoint: https://a.example/a.json }, operation: o, server: { name: s, variables: { a: b } }, protocol: nats, message: { payload: { a: 1 }, headers: { b: 2 } }, authentication: { oauth2: { use: x } } } }
  - subscribe: { call: asyncapi, with: { document: { endpoint: https://a.example/a.json }, channel: c, subscription: { filter: "\${ .a }", consume: { amount: 1, for: PT1M }, foreach: { item: i } } } }
  - subscribeWhile: { call: asyncapi, with: { document: { endpoint: https://a.example/a.json }, channel: c, subscription: { consume: { while: "\${ .a }" } } } }
  - subscribeUntil: { call: asyncapi, with: { document: { endpoint: https://a.example/a.json }, channel: c, subscription: { consume: { until: "\${ .a }" } } } }
  - sealed: { run: { container: { image: i, name: n, command: c, ports: {}, volumes: {}, environment: {}, stdin: s, arguments: [ a ], lifetime: { cleanup: eventually, after: PT1S }, pullPolicy: always } } }
  - sealedNow: { run: { container: { image: i, lifetime: { cleanup: always } } } }
  - scripted: { run: { script: { language: js, code: "1", stdin: s, arguments: [ a ], environment: { a: b } } } }
  - scriptedThere: { run: { script: { language: js, source: { endpoint: https://a.example/a.js } } } }
  - shelled: { run: { shell: { command: ls, arguments: [ a ], environment: { a: b }, stdin: s } } }
  - approved: { set: { a: 1 }, metadata: { tidemark.approve: { by: { actors: [ x ] } } }, then: continue, input: { from: { a: . } }, timeout: { after: PT1S } }
`

/** As YAML text. */
export const workflowExamples: readonly string[] = [
  head('flow') + flow,
  head('events') + events,
  head('calls') + calls,
  `${head('schedule-after')}schedule: { after: PT1H }\ndo: []\n`,
]
