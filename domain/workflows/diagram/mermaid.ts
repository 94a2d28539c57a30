import type { Edge, Node, Section, TaskState, TaskStates } from './graph.ts'
import { COLOURS } from './state-colours.ts'

// A flowchart for Mermaid (https://mermaid.js.org/syntax/flowchart.html). Ids are made here, and
// text is quoted and escaped: nothing of the document is read as a part of the language.

const MAX_TEXT = 60

/** @param states of a run; undefined shows the definition alone. */
export function mermaidOf(root: Section, title: string, states?: TaskStates): string {
  const chart = new Chart(states)
  chart.section(root, '  ')
  const lines = [
    '---',
    `title: ${JSON.stringify(clean(title))}`,
    '---',
    'flowchart TD',
    ...chart.lines,
    ...chart.classes(),
  ]
  return `${lines.join('\n')}\n`
}

class Chart {
  readonly lines: string[] = []
  readonly #ids = new Map<string, string>()
  readonly #marked = new Map<TaskState, string[]>()
  readonly #states: TaskStates | undefined
  #ends = 0

  constructor(states: TaskStates | undefined) {
    this.#states = states
  }

  section({ nodes, edges }: Section, indent: string): void {
    for (const node of nodes) this.#node(node, indent)
    for (const edge of edges) this.#edge(edge, nodes, indent)
  }

  /** Colours of states, and which nodes have them. */
  classes(): readonly string[] {
    return [...this.#marked].flatMap(([state, ids]) => {
      const { fill, stroke } = COLOURS[state]
      return [
        `  classDef ${state} fill:${fill},stroke:${stroke},color:#111`,
        `  class ${ids.join(',')} ${state}`,
      ]
    })
  }

  #node(node: Node, indent: string): void {
    const id = `n${this.#ids.size}`
    this.#ids.set(node.pointer, id)
    const state = this.#states?.get(node.pointer)
    if (state !== undefined) this.#marked.set(state, [...(this.#marked.get(state) ?? []), id])
    const text = state === undefined ? labelOf(node) : `${labelOf(node)}<br/>${state}`
    if (node.sections.length === 0) {
      const [open, close] = node.kind === 'switch' ? ['{', '}'] : ['[', ']']
      this.lines.push(`${indent}${id}${open}"${text}"${close}`)
      return
    }
    this.lines.push(`${indent}subgraph ${id}["${text}"]`)
    node.sections.forEach((section, index) => {
      if (section.label === '') this.section(section, `${indent}  `)
      else {
        this.lines.push(`${indent}  subgraph ${id}s${index}["${section.label}"]`)
        this.section(section, `${indent}    `)
        this.lines.push(`${indent}  end`)
      }
    })
    this.lines.push(`${indent}end`)
  }

  #edge({ from, to, label }: Edge, nodes: readonly Node[], indent: string): void {
    const source = this.#idOf(nodes[from])
    const arrow = label === '' ? '-->' : `-->|"${clean(label)}"|`
    if (typeof to === 'number') {
      this.lines.push(`${indent}${source} ${arrow} ${this.#idOf(nodes[to])}`)
      return
    }
    const id = `x${this.#ends++}`
    this.lines.push(`${indent}${source} ${arrow} ${id}(["${to}"])`)
  }

  #idOf(node: Node | undefined): string {
    return this.#ids.get(node?.pointer ?? '') ?? ''
  }
}

function labelOf({ name, note }: Node): string {
  return `${clean(name)}<br/>${clean(note)}`
}

/** Entities are Mermaid's own way to write what would be read as its language or as HTML. */
function clean(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text
  return short.replace(/[^\p{L}\p{N} .,:/…'_-]/gu, (char) => `#${char.codePointAt(0)};`)
}
