import t from 'tap'
import { parse } from 'yaml'
import { graphOf, type TaskState } from '../../../../domain/workflows/diagram/graph.ts'
import { layoutOf } from '../../../../domain/workflows/diagram/layout.ts'
import { mermaidOf } from '../../../../domain/workflows/diagram/mermaid.ts'
import { svgOf } from '../../../../domain/workflows/diagram/svg.ts'
import type { WorkflowDocument } from '../../../../domain/workflows/document.ts'
import { workflowExamples } from '../../../support/workflow-examples.ts'

const HEAD = 'document: { dsl: 1.0.3, namespace: a, name: b, version: 1.0.0 }\n'
const graph = (body: string) => graphOf(parse(HEAD + body))
const examples: readonly WorkflowDocument[] = workflowExamples.map((text) => parse(text))

const order = graph(`
do:
  - check: { switch: [ { cheap: { when: .price < 10, then: buy } }, { dear: { then: end } } ] }
  - ask: { listen: { to: { one: { with: { type: answer } } } } }
  - buy:
      fork: { branches: [ { pay: { wait: PT1H } }, { ship: { call: sync } } ] }
      metadata: { tidemark.compensate: { call: refund } }
  - late: { try: [ { wait: { wait: { hours: 2 } } } ], catch: { do: [ { tell: { set: { x: 1 } } } ] }, then: check }
`)

t.test('a graph has every task and every way on', async (t) => {
  t.same(
    order.nodes.map(({ name, note }) => `${name}: ${note}`),
    ['check: switch', 'ask: listen to one', 'buy: fork', 'late: try'],
  )
  t.same(order.edges, [
    { from: 0, to: 2, label: 'cheap' },
    { from: 0, to: 'end', label: 'dear' },
    { from: 1, to: 2, label: '' },
    { from: 2, to: 3, label: '' },
    { from: 3, to: 0, label: '' },
  ])
  t.match(order.nodes[2]?.sections, [
    { kind: 'branches', nodes: [{ name: 'pay', note: 'wait PT1H' }, { name: 'ship' }] },
    { kind: 'single', label: 'undo', nodes: [{ note: 'call refund' }] },
  ])
  t.match(order.nodes[3]?.sections, [{ label: 'try' }, { label: 'catch' }])
})

t.test('boxes lie inside what is around them, and never on one another', async (t) => {
  for (const root of [order, ...examples.map(graphOf)]) {
    const { boxes, width, height } = layoutOf(root)
    for (const [index, a] of boxes.entries()) {
      t.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + a.height <= height, a.node.name)
      for (const b of boxes.slice(index + 1)) {
        if (b.node.pointer.startsWith(`${a.node.pointer}/`))
          t.ok(b.x >= a.x && b.y >= a.y && b.x + b.width <= a.x + a.width, b.node.pointer)
        else
          t.ok(
            b.x >= a.x + a.width ||
              a.x >= b.x + b.width ||
              b.y >= a.y + a.height ||
              a.y >= b.y + b.height,
            `${a.node.pointer} and ${b.node.pointer}`,
          )
      }
    }
  }
})

const states = new Map<string, TaskState>([
  ['/do/0/check', 'completed'],
  ['/do/2/buy', 'running'],
  ['/do/2/buy/fork/branches/0/pay', 'waiting'],
])

t.test('a picture says what it shows in words, and its colours in a legend', async (t) => {
  const plain = svgOf(order, 'An order')
  t.match(plain, '<title id="title">An order</title>')
  t.notMatch(plain, /not reached|running/)
  const run = svgOf(order, 'An order', states)
  t.match(run, 'check: switch, completed; ask: listen to one, not reached; buy: fork, running')
  for (const state of ['running', 'waiting', 'completed']) t.match(run, `font-size="12">${state}<`)
  t.notMatch(run, 'font-size="12">faulted<')
  t.equal(svgOf(order, 'An order', states), run, 'the same bytes each time')
})

t.test('Mermaid has the tasks, the ways, and a class for each state', async (t) => {
  const text = mermaidOf(order, 'An order', states)
  t.match(text, /^---\ntitle: "An order"\n---\nflowchart TD\n/)
  t.match(text, 'n0{"check<br/>switch<br/>completed"}')
  t.match(text, '-->|"cheap"|')
  t.match(text, '(["end"])')
  t.match(text, /subgraph n2\["buy<br\/>fork<br\/>running"\]/)
  t.match(text, /class n0 completed/)
  t.equal(text.match(/subgraph/g)?.length, text.match(/^ *end$/gm)?.length)
})

t.test('text of a document cannot become a part of the picture', async (t) => {
  const name = `x"]<script>alert(1)</script>&'-->\u0000\ud800`
  const hostile = graphOf({
    document: { dsl: '1.0.3', namespace: 'a', name: 'b', version: '1.0.0' },
    do: [{ [name]: { wait: `${name};click n0 "javascript:alert(1)"` } }],
  })
  const svg = svgOf(hostile, name)
  t.notMatch(svg, '<script')
  for (const char of ['\u0000', '\ud800']) t.notOk(svg.includes(char))
  t.match(svg, '&#60;script&#62;')
  const mermaid = mermaidOf(hostile, name)
  t.notMatch(mermaid, /<script|javascript:alert\(|click n0 "/)
  t.equal(mermaid.split('\n').length, 6)
})

t.test('every example of the language can be drawn', async (t) => {
  for (const document of examples) {
    t.ok(svgOf(graphOf(document), 'x').endsWith('</svg>\n'))
    t.ok(mermaidOf(graphOf(document), 'x').length > 0)
  }
})
