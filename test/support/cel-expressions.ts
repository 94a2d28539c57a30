import fc from 'fast-check'

// Texts in CEL over an `event` with the fields text, whole, real, flag, at, words, numbers and open.
// Most are well-typed, many fail when they are evaluated.

type Texts = {
  bool: string
  int: string
  double: string
  string: string
  instant: string
  span: string
  strings: string
  ints: string
  dyn: string
}

const pick = fc.constantFrom
const join = (...parts: readonly fc.Arbitrary<string>[]) =>
  fc.tuple(...parts).map((texts) => texts.join(''))
const of = pick

const { bool } = fc.letrec<Texts>((tie) => {
  const either = (...all: readonly fc.Arbitrary<string>[]) =>
    fc.oneof({ maxDepth: 4, depthSize: 'small' }, ...all)
  const comparison = pick(' == ', ' != ', ' < ', ' <= ', ' > ', ' >= ')
  const sameness = pick(' == ', ' != ')
  const both = (operand: fc.Arbitrary<string>, operator: fc.Arbitrary<string>) =>
    join(of('('), operand, operator, operand, of(')'))
  const loop = (range: fc.Arbitrary<string>, macro: string, body: fc.Arbitrary<string>) =>
    join(range, of(`.${macro}(each, `), body, of(')'))
  const onInt = pick('each > 1', 'each / (each - 2) == 1', 'each == event.whole')
  const onString = pick('each == "a"', 'each.size() > 1', 'event.text.contains(each)')
  return {
    bool: either(
      pick('true', 'false', 'event.flag', 'has(event.open.text)', 'has(event.open.within.deep)'),
      both(tie('bool'), pick(' && ', ' || ', ' == ')),
      join(of('!'), tie('bool')),
      join(of('('), tie('bool'), of(' ? '), tie('bool'), of(' : '), tie('bool'), of(')')),
      both(tie('int'), comparison),
      both(tie('double'), comparison),
      join(of('('), tie('int'), pick(' < ', ' >= '), tie('double'), of(')')),
      both(tie('string'), comparison),
      both(tie('instant'), comparison),
      both(tie('span'), comparison),
      both(tie('strings'), sameness),
      both(tie('dyn'), fc.oneof(comparison, sameness)),
      join(of('('), tie('dyn'), comparison, tie('int'), of(')')),
      join(of('('), tie('dyn'), sameness, tie('string'), of(')')),
      join(of('('), tie('string'), of(' in '), tie('strings'), of(')')),
      join(of('('), tie('int'), of(' in '), tie('ints'), of(')')),
      join(of('('), tie('string'), of(' in event.open)')),
      join(tie('string'), pick('.contains(', '.startsWith(', '.endsWith('), tie('string'), of(')')),
      join(tie('string'), of('.matches("^[a-t]+o?")')),
      ...['all', 'exists', 'exists_one'].flatMap((macro) => [
        loop(tie('ints'), macro, onInt),
        loop(tie('strings'), macro, onString),
      ]),
    ),
    int: either(
      pick('0', '1', '7', '-2', '9223372036854775807', 'event.whole', 'event.numbers[1]'),
      both(tie('int'), pick(' + ', ' - ', ' * ', ' / ', ' % ')),
      join(of('-'), tie('int')),
      join(of('size('), tie('string'), of(')')),
      join(tie('ints'), of('.size()')),
      pick('int("5")', 'int("-12")', 'int("x")', 'int("99999999999999999999")'),
      join(of('int('), pick('1.7', '-1.7', '0.0'), of(')')),
      join(tie('string'), of('.indexOf('), tie('string'), of(')')),
      join(tie('ints'), of('['), pick('0', '1', '5', '-1'), of(']')),
      join(tie('instant'), pick('.getFullYear()', '.getMonth()', '.getDayOfWeek()', '.getHours()')),
      join(tie('span'), pick('.getHours()', '.getMinutes()', '.getSeconds()')),
    ),
    double: either(
      pick('0.0', '2.5', '-1.5', 'event.real'),
      both(tie('double'), pick(' + ', ' - ', ' * ', ' / ')),
      join(of('double('), tie('int'), of(')')),
    ),
    string: either(
      pick('""', '"a"', '"timeout"', '"5"', 'event.text', 'event.words[0]', '"\\u00fc\\n"'),
      both(tie('string'), of(' + ')),
      join(of('string('), tie('int'), of(')')),
      join(tie('string'), pick('.upperAscii()', '.lowerAscii()', '.trim()')),
      join(tie('string'), of('.substring('), pick('0', '1', '3', '99'), of(')')),
      join(tie('strings'), of('.join("-")')),
    ),
    instant: either(
      pick('event.at', 'timestamp("2026-01-02T03:04:05Z")', 'timestamp(0)', 'timestamp("soon")'),
      join(of('('), tie('instant'), pick(' + ', ' - '), tie('span'), of(')')),
    ),
    span: either(
      pick('duration("10m")', 'duration("1h30m")', 'duration("-250s")', 'duration("x")'),
      both(tie('span'), pick(' + ', ' - ')),
      both(tie('instant'), of(' - ')),
    ),
    strings: either(
      pick('event.words', '["a", "timeout"]', 'event.text.split(",")'),
      both(tie('strings'), of(' + ')),
      loop(tie('strings'), 'filter', onString),
      loop(tie('strings'), 'map', pick('each + "!"', 'event.text')),
    ),
    ints: either(
      pick('event.numbers', '[1, 2]'),
      both(tie('ints'), of(' + ')),
      loop(tie('ints'), 'filter', onInt),
      loop(tie('ints'), 'map', pick('each * 2', 'each / (each - 1)')),
      join(tie('ints'), of('.map(each, '), onInt, of(', each + 1)')),
    ),
    dyn: either(
      pick('event.open.number', 'event.open.text', 'event.open["list"][0]', 'dyn(5)', 'dyn("x")'),
      join(of('dyn('), fc.oneof(tie('int'), tie('string'), tie('bool'), tie('ints')), of(')')),
    ),
  }
})

export const celExpression = bool
