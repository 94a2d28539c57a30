import type { Section, TaskState, TaskStates } from './graph.ts'
import { type Box, type Caption, type Line, layoutOf } from './layout.ts'
import { COLOURS } from './state-colours.ts'

// A picture without scripts, fonts or addresses: the same document and run give the same bytes.

const MARGIN = 20
const TITLE_HEIGHT = 34
const LEGEND = { height: 30, step: 106 }
const CHARACTERS = 26
const PLAIN = { fill: '#ffffff', stroke: '#495057' }

/** @param states of a run; undefined shows the definition alone. */
export function svgOf(root: Section, title: string, states?: TaskStates): string {
  const layout = layoutOf(root)
  const shown = statesIn(states)
  const width = Math.max(layout.width, shown.length * LEGEND.step, 320) + 2 * MARGIN
  const legendHeight = shown.length === 0 ? 0 : LEGEND.height
  const height = TITLE_HEIGHT + layout.height + legendHeight + 2 * MARGIN
  const top = MARGIN + TITLE_HEIGHT
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="13">`,
    `<title id="title">${xml(title)}</title>`,
    `<desc id="description">${xml(described(layout.boxes, states))}</desc>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#495057"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${MARGIN}" y="${MARGIN + 14}" font-size="16" font-weight="600">${xml(short(title, 80))}</text>`,
    `<g transform="translate(${MARGIN} ${top})">`,
    ...layout.boxes.map((box) => boxText(box, states?.get(box.node.pointer))),
    ...layout.captions.map(captionText),
    ...layout.lines.map(lineText),
    '</g>',
    ...shown.map((state, index) => legendText(state, index, top + layout.height + MARGIN)),
    '</svg>',
    '',
  ].join('\n')
}

/** For those who cannot see it: each task in the order of the document. */
function described(boxes: readonly Box[], states: TaskStates | undefined): string {
  return boxes
    .map(({ node: { name, note, pointer } }) => {
      const state = states === undefined ? undefined : (states.get(pointer) ?? 'not reached')
      return state === undefined ? `${name}: ${note}` : `${name}: ${note}, ${state}`
    })
    .join('; ')
}

function statesIn(states: TaskStates | undefined): readonly TaskState[] {
  const present = new Set(states?.values())
  return (Object.keys(COLOURS) as TaskState[]).filter((state) => present.has(state))
}

function boxText({ x, y, width, height, node, isLeaf }: Box, state: TaskState | undefined): string {
  const { fill, stroke } = state === undefined ? PLAIN : COLOURS[state]
  const shape = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${node.kind === 'switch' ? 20 : 6}" fill="${fill}" stroke="${stroke}"${isLeaf ? '' : ' fill-opacity="0.35"'}/>`
  const note = state === undefined ? node.note : `${node.note} · ${state}`
  const middle = x + width / 2
  return [
    '<g>',
    `<title>${xml(`${node.name}: ${note}`)}</title>`,
    shape,
    `<text x="${middle}" y="${y + 19}" text-anchor="middle" font-weight="600">${xml(short(node.name))}</text>`,
    `<text x="${middle}" y="${y + 35}" text-anchor="middle" font-size="11" fill="#343a40">${xml(short(note, CHARACTERS + 6))}</text>`,
    '</g>',
  ].join('')
}

function lineText({ points, label, at }: Line): string {
  const path = points.map(({ x, y }) => `${x} ${y}`).join(' L')
  const text =
    label === ''
      ? ''
      : `<text x="${at.x}" y="${at.y}" font-size="11" fill="#343a40">${xml(short(label, 12))}</text>`
  return `<path d="M${path}" fill="none" stroke="#495057" marker-end="url(#tip)"/>${text}`
}

function captionText({ x, y, text }: Caption): string {
  return `<text x="${x}" y="${y}" font-size="11" font-style="italic" fill="#343a40">${xml(text)}</text>`
}

function legendText(state: TaskState, index: number, y: number): string {
  const { fill, stroke } = COLOURS[state]
  const x = MARGIN + index * LEGEND.step
  return `<rect x="${x}" y="${y}" width="14" height="14" rx="3" fill="${fill}" stroke="${stroke}"/><text x="${x + 20}" y="${y + 12}" font-size="12">${state}</text>`
}

function short(text: string, characters = CHARACTERS): string {
  const all = [...text]
  return all.length > characters ? `${all.slice(0, characters - 1).join('')}…` : text
}

/** Characters that XML does not have are left out. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
