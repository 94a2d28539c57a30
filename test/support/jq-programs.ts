import * as fc from 'fast-check'
import type { Json } from '../../domain/kernel/json.ts'

const KEYS = ['a', 'b', 'c']

/** Small values with much in common, so that accesses find something. */
export const inputs: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false, 0, 1, -1, 2.5, 10, '', 'a', 'b', 'abc', 'é😀', '1'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 3 }),
  ),
})).value

const SIMPLE = [
  ...[
    '.',
    '.a',
    '.b',
    '.a?',
    '.[]',
    '.[]?',
    '.[0]',
    '.[-1]',
    '.[1:]',
    '.[:1]?',
    '..',
    '1',
    '0',
    '-1',
  ],
  ...[
    'null',
    'true',
    'false',
    '"a"',
    '"b"',
    '[]',
    '{}',
    'empty',
    'error',
    '$v',
    '$w',
    '2',
    '1.5',
    '"ab"',
  ],
  ...[
    'length',
    'keys',
    'type',
    'not',
    'add',
    'sort',
    'unique',
    'reverse',
    'min',
    'max',
    'tojson',
    'tostring',
  ],
  ...[
    'first',
    'last',
    'any',
    'all',
    'flatten',
    'to_entries',
    'tonumber',
    'explode',
    'floor',
    'ascii_downcase',
  ],
  ...[
    'numbers',
    'strings',
    'arrays',
    'objects',
    'scalars',
    'values',
    'recurse',
    'isvalid(.)',
    'transpose',
  ],
].filter((program) => program !== 'isvalid(.)')

const ONE = [
  ...[
    '[_]',
    '(_)',
    '{a: _}',
    '{(_ | tostring): 1}',
    '-(_)',
    'first(_)',
    'last(_)',
    'limit(2; _)',
    'isempty(_)',
  ],
  ...[
    'map(_)',
    'select(_)',
    'sort_by(_)',
    'group_by(_)',
    'unique_by(_)',
    'min_by(_)',
    'max_by(_)',
    'any(_)',
    'all(_)',
  ],
  ...[
    'try (_) catch type',
    '(_)?',
    'path(_)',
    '[paths(_)]',
    'del(_)',
    'map_values(_)',
    'with_entries(_)',
    'walk(_)',
  ],
  ...[
    'has(_)',
    'contains(_)',
    'inside(_)',
    'index(_)',
    'indices(_)',
    'join(_)',
    'split(_)',
    'ltrimstr(_)',
    'range(_)',
  ],
  ...[
    'error(_)',
    '"x\\(_)y"',
    '@json "v\\(_)"',
    '[limit(5; recurse(_))]',
    'getpath([_])',
    'add(_)',
    'label $f | (_), break $f',
  ],
  ...[
    'reduce .[]? as $v (0; _)',
    '[foreach .[]? as $v (0; _)]',
    'def f: _; f, f',
    'def f(g): g | g; f(_)',
    '. as [$v, $w] | _',
  ],
  ...[
    '. as {a: $v} | _',
    '. as [$v] ?// $v | _',
    '. as $v | _',
    '.[_]',
    '.[_]?',
    '.[_:]?',
    'startswith(_)',
    'tojson | test(_)',
  ],
]

const TWO = [
  ...[
    '_ | @',
    '_, @',
    '_ + @',
    '_ - @',
    '_ * @',
    '_ / @',
    '_ % @',
    '_ == @',
    '_ < @',
    '_ >= @',
    '_ != @',
    '_ and @',
    '_ or @',
  ],
  ...[
    '_ // @',
    '(_) = (@)',
    '(_) |= (@)',
    '(_) += (@)',
    '(_) //= (@)',
    'if _ then @ end',
    'if _ then . else @ end',
    '[_, @]',
  ],
  ...[
    '{a: (_), b: (@)}',
    '(_) as $v | @',
    '(_) as [$v, $w] | @',
    'try (_) catch (2 | @)',
    'range(_; @)',
    'setpath([_]; @)',
  ],
  ...[
    'reduce (_) as $v (.; @)',
    '[foreach (_) as $v (.; @)]',
    'def f(g): _; f(@)',
    'def f($v): _; f(@)',
    '.[_:@]?',
    'any(_; @)',
  ],
  ...[
    '"\\(_)\\(@)"',
    '[limit(3; _)] | @',
    'def f: _; [f] | @',
    'reduce (_) as $v ({}; .a += 1 | @)',
    'reduce (_) as $v ([]; . + [@])',
  ],
  ...[
    'reduce (_) as $v ({}; .b = (@))',
    'reduce (_) as $v (.; if . then @ else .a = 1 end)',
    '(_) as [$v] ?// {a: $v} | @',
  ],
]

/** Programs of jq's grammar; `$v` and `$w` are bound around them, to values that no input has. */
export const programs: fc.Arbitrary<string> = fc
  .letrec<{ program: string }>((tie) => ({
    program: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom(...SIMPLE),
      fc
        .tuple(fc.constantFrom(...ONE), tie('program'))
        .map(([shape, part]) => shape.replace(/\b_\b/, () => `(${part})`)),
      fc
        .tuple(fc.constantFrom(...TWO), tie('program'), tie('program'))
        .map(([shape, left, right]) => filled(shape, left, right)),
    ),
  }))
  .program.map((program) => `7 as $v | "w" as $w | ${program}`)

function filled(shape: string, left: string, right: string): string {
  return shape.replace(/\b_\b|@/g, (place) => (place === '_' ? `(${left})` : `(${right})`))
}

/**
 * Where jq itself is not what its manual says: it takes a `break` inside of `?//` for an error, and
 * refuses destructuring and `last(f)` in a path, but not always `all`, `any` and `isempty`.
 */
export function isDoubtful(program: string): boolean {
  const isOtherInPaths = /as [[{]|\blast\(|\b(?:all|any|isempty)\b/.test(program)
  return isOtherInPaths && /\?\/\/|path|del|=/.test(program)
}
