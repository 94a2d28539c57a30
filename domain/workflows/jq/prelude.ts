import { parse } from './parser.ts'
import type { Node } from './syntax.ts'

type Definition = Extract<Node, { kind: 'define' }>

/** Functions of jq that are easiest to say in jq. None of them calls another one of them that calls it. */
const SOURCES: Readonly<Record<string, string>> = {
  'first/0': 'def first: .[0];',
  'last/0': 'def last: .[-1];',
  'nth/1': 'def nth($n): .[$n];',
  'values/0': 'def values: select(. != null);',
  'nulls/0': 'def nulls: select(. == null);',
  'booleans/0': 'def booleans: select(type == "boolean");',
  'numbers/0': 'def numbers: select(type == "number");',
  'strings/0': 'def strings: select(type == "string");',
  'arrays/0': 'def arrays: select(type == "array");',
  'objects/0': 'def objects: select(type == "object");',
  'iterables/0': 'def iterables: select(type == ("array", "object"));',
  'scalars/0': 'def scalars: select(type | . != "array" and . != "object");',
  'finites/0': 'def finites: select(isinfinite or isnan | not);',
  'normals/0': 'def normals: select(isnormal);',
  'leaf_paths/0': 'def leaf_paths: paths(scalars);',
  'any/1': 'def any(f): any(.[]; f);',
  'all/1': 'def all(f): all(.[]; f);',
  'any/2': 'def any(g; f): isempty(first(g | f | select(.))) | not;',
  'all/2': 'def all(g; f): isempty(first(g | f | select(. | not)));',
  'in/1': 'def in(whole): . as $key | whole | has($key);',
  'inside/1': 'def inside(whole): . as $part | whole | contains($part);',
  'IN/1': 'def IN(s): any(s == .; .);',
  'IN/2': 'def IN(source; s): any(source == s; .);',
  'INDEX/1': 'def INDEX(f): INDEX(.[]; f);',
  'INDEX/2': 'def INDEX(source; f): reduce source as $row ({}; .[$row | f | tostring] |= $row);',
  'combinations/0':
    'def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $rest | [$x] + $rest end;',
  'combinations/1': 'def combinations(n): . as $all | [range(n)] | map($all) | combinations;',
  'abs/0': 'def abs: if . < 0 then -. else . end;',
  'indices/1':
    'def indices($i): if type == "array" then .[if $i | type == "array" then $i else [$i] end] elif [type, ($i | type)] == ["string", "string"] then _strindices($i) else .[$i] end;',
  'index/1': 'def index($i): indices($i) | .[0];',
  'rindex/1': 'def rindex($i): indices($i) | .[-1:] | .[0];',
  'ascii/0': 'def ascii: [.] | implode;',
  'pick/1':
    'def pick(f): . as $all | reduce path(f) as $path (null; setpath($path; $all | getpath($path)));',
  'dateadd/2': 'def dateadd(unit; n): . + n;',
  'datesub/2': 'def datesub(unit; n): . - n;',
  'tostream/0':
    'def tostream: path(def r: (.[]? | r), .; r) as $p | getpath($p) | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);',
  'fromstream/1':
    'def fromstream(f): {x: null, e: false} as $init | foreach f as $i ($init; if .e then $init else . end | if $i | length == 2 then setpath(["e"]; $i[0] | length == 0) | setpath(["x"] + $i[0]; $i[1]) else setpath(["e"]; $i[0] | length == 1) end; if .e then .x else empty end);',
  'truncate_stream/1':
    'def truncate_stream(stream): . as $n | null | stream | . as $input | if (.[0] | length) > $n then setpath([0]; .[0][$n:]) else empty end;',
  'debug/0': 'def debug: .;',
  'debug/1': 'def debug(message): .;',
  'stderr/0': 'def stderr: .;',
  'input_line_number/0': 'def input_line_number: 0;',
  'env/0': 'def env: {};',
  'have_literal_numbers/0': 'def have_literal_numbers: true;',
  'have_decnum/0': 'def have_decnum: false;',
  'recurse_down/0': 'def recurse_down: recurse;',
}

const parsed = new Map<string, Definition>()

/** Parsed when they are first used. */
export const PRELUDE: ReadonlyMap<string, () => Definition> = new Map(
  Object.entries(SOURCES).map(([key, source]) => [key, () => definitionOf(key, source)]),
)

function definitionOf(key: string, source: string): Definition {
  const known = parsed.get(key)
  if (known !== undefined) return known
  const node = parse(`${source} .`)
  if (node.kind !== 'define') throw new Error(`${key} is not a definition`)
  parsed.set(key, node)
  return node
}
