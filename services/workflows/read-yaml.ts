import {
  Composer,
  type CST,
  type Document,
  isCollection,
  isMap,
  Lexer,
  LineCounter,
  Parser,
  visit,
  type YAMLMap,
} from 'yaml'

// YAML 1.2 (core schema), of which JSON is a part, out of untrusted text: one document, no tags, a
// bounded depth and size also after aliases were resolved.

const MAX_SOURCE_BYTES = 1024 * 1024
/** Reading takes time by the token: about 0.3 s for this many. */
const MAX_TOKENS = 200_000
const MAX_DEPTH = 60
const MAX_VALUES = 100_000
const MAX_ALIASES = 100
const MAX_FAULTS = 20

export type Place = { readonly line: number; readonly column: number }
export type SourceFault = Partial<Place> & { readonly detail: string }

/** The text is not one that can be read. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly faults: readonly SourceFault[]

  constructor(faults: readonly SourceFault[]) {
    super(faults[0]?.detail ?? 'The text cannot be read.')
    this.faults = faults
  }
}

export type ReadSource = {
  readonly value: unknown
  /** Where the value that a JSON pointer names begins, or the nearest one around it. */
  readonly placeOf: (pointer: string) => Place
}

/** @throws {SourceError} */
export function readYaml(text: string): ReadSource {
  if (Buffer.byteLength(text) > MAX_SOURCE_BYTES)
    throw refused(`A document may have ${MAX_SOURCE_BYTES} bytes.`)
  refuseManyTokens(text)
  const lines = new LineCounter()
  const document = compose([...new Parser(lines.addNewLine).parse(text)], lines)
  const value = toValue(document)
  refuseHostileShape(value)
  return { value, placeOf: (pointer) => placeIn(document, pointer, lines) }
}

function compose(tokens: readonly CST.Token[], lines: LineCounter): Document.Parsed {
  for (const token of tokens) refuseDepth(token, lines)
  const options = { version: '1.2', schema: 'core', uniqueKeys: false, stringKeys: true } as const
  const documents = [...new Composer(options).compose(tokens)]
  const [document, second] = documents
  if (document === undefined) throw refused('The document is empty.')
  if (second !== undefined) throw refused('This is more than one document.')
  refuseDoubleMembers(document, lines)
  const faults = [...document.errors, ...document.warnings].map(({ message, pos }) => ({
    detail: message.split('\n', 1)[0]?.slice(0, 300) ?? '',
    ...place(pos[0], lines),
  }))
  if (faults.length > 0) throw new SourceError(faults.slice(0, MAX_FAULTS))
  return document
}

function refuseManyTokens(text: string): void {
  let tokens = 0
  for (const _token of new Lexer().lex(text))
    if (++tokens > MAX_TOKENS) throw refused(`It has more than ${MAX_TOKENS} tokens.`)
}

/** The library compares each member with each other one, which takes minutes for a large object. */
function refuseDoubleMembers(document: Document.Parsed, lines: LineCounter): void {
  visit(document, {
    Map(_key, map: YAMLMap) {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        const name = String(key)
        if (seen.has(name))
          throw refused(
            `The member "${name.slice(0, 100)}" is there twice.`,
            place(startOf(key) ?? 0, lines),
          )
        seen.add(name)
      }
    },
  })
}

/** Before it is composed, because composing recurses. */
function refuseDepth(root: CST.Token, lines: LineCounter): void {
  const open: [token: CST.Token, depth: number][] = [[root, 0]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [token, depth] = next
    if (depth > MAX_DEPTH)
      throw refused(`It nests deeper than ${MAX_DEPTH} levels.`, place(token.offset, lines))
    for (const inner of tokensIn(token)) open.push([inner, depth + 1])
  }
}

function tokensIn(token: CST.Token): readonly CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value]
  if (!('items' in token)) return []
  return (token.items as readonly CST.CollectionItem[]).flatMap(({ key, value }) =>
    [key, value].filter((each) => each !== undefined && each !== null),
  )
}

function toValue(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (error) {
    // What else the library says of aliases: one without its anchor, one within its own anchor.
    if (error instanceof ReferenceError || error instanceof RangeError)
      throw refused('Its aliases cannot be resolved, or stand for too much.')
    throw error
  }
}

/** Aliases share what they stand for, so that it is counted here as often as it is there. */
function refuseHostileShape(root: unknown): void {
  const open: [value: unknown, depth: number][] = [[root, 1]]
  let values = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, depth] = next
    if (typeof value === 'number' && !Number.isFinite(value))
      throw refused('It holds a number that JSON does not have.')
    if (typeof value !== 'object' || value === null) continue
    if (depth > MAX_DEPTH) throw refused(`It nests deeper than ${MAX_DEPTH} levels.`)
    if (Object.hasOwn(value, '__proto__')) throw refused('It has a member called "__proto__".')
    const members = Object.values(value)
    values += members.length
    if (values > MAX_VALUES) throw refused(`It has more than ${MAX_VALUES} values.`)
    for (const member of members) open.push([member, depth + 1])
  }
}

function placeIn(document: Document.Parsed, pointer: string, lines: LineCounter): Place {
  let node: unknown = document.contents
  let offset = document.contents?.range?.[0] ?? 0
  for (const segment of segmentsOf(pointer)) {
    if (!isCollection(node)) break
    // The member's name says where it is; an element has none.
    const pair = isMap(node)
      ? node.items.find(({ key }) => String(key) === segment)
      : { key: undefined, value: node.items[Number(segment)] }
    if (pair === undefined) break
    offset = startOf(pair.key) ?? startOf(pair.value) ?? offset
    node = pair.value
  }
  return place(offset, lines)
}

function startOf(node: unknown): number | undefined {
  return (node as { readonly range?: readonly number[] } | undefined | null)?.range?.[0]
}

function segmentsOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function place(offset: number, lines: LineCounter): Place {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

function refused(detail: string, at?: Place): SourceError {
  return new SourceError([{ detail, ...at }])
}
