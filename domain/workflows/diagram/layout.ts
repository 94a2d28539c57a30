import type { Node, Section } from './graph.ts'

// Layers from top to bottom in the order of the document, sections of a task beside one another, and
// lanes on the right for what does not go on with the next task. It depends on nothing but the graph.

export const NODE = { width: 200, height: 46 }
const GAP = { layer: 30, column: 20, padding: 12, heading: 40, label: 16, lane: 70 }

export type Point = { readonly x: number; readonly y: number }
export type Box = Point & {
  readonly width: number
  readonly height: number
  readonly node: Node
  readonly isLeaf: boolean
}
export type Line = { readonly points: readonly Point[]; readonly label: string; readonly at: Point }
export type Caption = Point & { readonly text: string }

export type Layout = {
  readonly width: number
  readonly height: number
  readonly boxes: readonly Box[]
  readonly lines: readonly Line[]
  readonly captions: readonly Caption[]
}

export function layoutOf(root: Section): Layout {
  return sequence(root)
}

const EMPTY: Layout = { width: 0, height: 0, boxes: [], lines: [], captions: [] }

function sequence(section: Section): Layout {
  const placed: Layout[] = []
  let y = 0
  for (const node of section.nodes) {
    placed.push(moved(boxOf(node), 0, y))
    y = (placed.at(-1)?.height ?? 0) + y + GAP.layer
  }
  const width = Math.max(0, ...placed.map((each) => each.width))
  const centred = placed.map((each) => moved(each, (width - each.width) / 2, 0))
  const outer = centred.map(({ boxes }) => boxes[0])
  const lanes = lanesOf(section, outer, width)
  return {
    width: lanes.width,
    height: Math.max(0, y - GAP.layer),
    boxes: centred.flatMap(({ boxes }) => boxes),
    lines: [...centred.flatMap(({ lines }) => lines), ...lanes.lines],
    captions: centred.flatMap(({ captions }) => captions),
  }
}

/** The task itself is the first box. */
function boxOf(node: Node): Layout {
  const leaf = { ...{ x: 0, y: 0 }, ...NODE }
  if (node.sections.length === 0)
    return { ...EMPTY, ...NODE, boxes: [{ ...leaf, node, isLeaf: true }] }
  const inner = beside(node.sections.flatMap(columnsOf))
  const width = Math.max(NODE.width, inner.width + 2 * GAP.padding)
  const height = GAP.heading + inner.height + GAP.padding
  const content = moved(inner, (width - inner.width) / 2, GAP.heading)
  const box = { x: 0, y: 0, width, height, node, isLeaf: false }
  return { ...content, width, height, boxes: [box, ...content.boxes] }
}

/** Branches are a column each. */
function columnsOf(section: Section): readonly Layout[] {
  if (section.kind === 'branches') return section.nodes.map(boxOf)
  const content = sequence(section)
  if (section.label === '') return [content]
  const below = moved(content, 0, GAP.label)
  const caption = { x: 0, y: 10, text: section.label }
  return [{ ...below, height: content.height + GAP.label, captions: [caption, ...below.captions] }]
}

function beside(columns: readonly Layout[]): Layout {
  let result = EMPTY
  for (const column of columns) {
    const x = result.width === 0 ? 0 : result.width + GAP.column
    const { boxes, lines, captions } = moved(column, x, 0)
    result = {
      width: x + column.width,
      height: Math.max(result.height, column.height),
      boxes: [...result.boxes, ...boxes],
      lines: [...result.lines, ...lines],
      captions: [...result.captions, ...captions],
    }
  }
  return result
}

function lanesOf(section: Section, boxes: readonly (Box | undefined)[], width: number) {
  const lines: Line[] = []
  let right = width
  for (const { from, to, label } of section.edges) {
    const source = boxes[from]
    if (source === undefined) continue
    const target = typeof to === 'number' ? boxes[to] : undefined
    if (target !== undefined && to === from + 1 && !hasDirect(lines, target)) {
      lines.push(direct(source, target, label))
      continue
    }
    right += GAP.lane
    lines.push(around(source, target, right - GAP.lane / 2, label === '' ? String(to) : label))
  }
  return { lines, width: right }
}

function hasDirect(lines: readonly Line[], target: Box): boolean {
  const top = topOf(target)
  return lines.some(({ points }) => points.at(-1)?.x === top.x && points.at(-1)?.y === top.y)
}

function topOf({ x, y, width }: Box): Point {
  return { x: x + width / 2, y }
}

function direct(source: Box, target: Box, label: string): Line {
  const start = { x: source.x + source.width / 2, y: source.y + source.height }
  return { points: [start, topOf(target)], label, at: { x: start.x + 6, y: start.y + 19 } }
}

/** Along a lane on the right; into the void where the list is left. */
function around(source: Box, target: Box | undefined, lane: number, label: string): Line {
  const start = { x: source.x + source.width, y: source.y + source.height / 2 }
  const at = { x: lane - 24, y: start.y - 5 }
  if (target === undefined) return { points: [start, { x: lane + 20, y: start.y }], label, at }
  const end = { x: target.x + target.width, y: target.y + target.height / 2 + 8 }
  return { points: [start, { x: lane, y: start.y }, { x: lane, y: end.y }, end], label, at }
}

function moved(layout: Layout, dx: number, dy: number): Layout {
  const by = <P extends Point>(point: P): P => ({ ...point, x: point.x + dx, y: point.y + dy })
  return {
    ...layout,
    boxes: layout.boxes.map(by),
    lines: layout.lines.map(({ points, label, at }) => ({
      points: points.map(by),
      label,
      at: by(at),
    })),
    captions: layout.captions.map(by),
  }
}
