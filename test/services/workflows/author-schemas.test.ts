import t from 'tap'
import { compileSchema } from '../../../services/workflows/author-schemas.ts'
import { faultsOf } from '../../support/workflow-faults.ts'

t.test('a schema of the author that cannot be used is refused', async (t) => {
  const faults = {
    'input: { schema: { document: { type: nothing } } }\ndo: []':
      /^\/input\/schema\/document: line 2, .*cannot be used/,
    'output: { schema: { document: text } }\ndo: []':
      /^\/output\/schema\/document: .*no JSON Schema/,
    'output: { schema: { document: { $async: true } } }\ndo: []': /\$async is not done/,
    'do: [ { a: { set: { x: 1 }, export: { schema: { document: { $ref: https://a.example/s.json } } } } } ]':
      /^\/do\/0\/a\/export\/schema\/document: .*can't resolve reference https:\/\/a\.example/,
    'do: [ { a: { run: { workflow: { namespace: a, name: b, version: 1.0.0 } }, output: { schema: { resource: { endpoint: https://a.example } } } } } ]':
      /^\/do\/0\/a\/output\/schema\/resource: .*only schemas inside/,
    'do: [ { a: { listen: { to: { any: [] } }, foreach: { output: { schema: { document: { pattern: "(" } } } } } } ]':
      /^\/do\/0\/a\/foreach\/output\/schema\/document: /,
    'input: { schema: { document: { properties: { a: { $ref: "#" } } } } }\ndo: []':
      /# leads back to itself/,
    'input: { schema: { document: { items: { uniqueItems: true } } } }\ndo: []':
      /uniqueItems is not done/,
    'input: { schema: { document: { $dynamicRef: "#a" } } }\ndo: []': /\$dynamicRef is not done/,
    'input: { schema: { document: { $ref: "#/%zz" } } }\ndo: []': /can't resolve reference/,
    [`input: { schema: { document: ${doubling(20)} } }\ndo: []`]: /make too much of it/,
  }
  for (const [body, reason] of Object.entries(faults))
    t.match(faultsOf(body)[0] ?? '', reason, body)
  const own = '{ $id: "https://a.example/s", $ref: "#/$defs/n", $defs: { n: { type: number } } }'
  const good = `input: { schema: { document: ${own} } }\noutput: { schema: { document: ${own} } }\ndo: []`
  t.same(faultsOf(good), [])
  t.same(faultsOf(good), [], 'the same name again')
})

t.test("patterns in an author's schema take linear time", async (t) => {
  const fits = compileSchema({ type: 'string', pattern: '^(a+)+$' })
  t.ok(typeof fits !== 'string' && fits('a'.repeat(50_000)))
  t.notOk(typeof fits === 'string' || fits(`${'a'.repeat(50_000)}!`))
  const both = compileSchema({ allOf: [{ pattern: 'a' }, { pattern: 'b' }] })
  t.ok(typeof both !== 'string' && both('ab'))
  t.notOk(typeof both === 'string' || both('a'), 'each pattern counts')
})

/** A schema that asks for itself over and over, without a circle: 2 to the power of `levels` times. */
function doubling(levels: number): string {
  const twice = (level: number) => ({
    allOf: [{ $ref: `#/$defs/${level}` }, { $ref: `#/$defs/${level}` }],
  })
  const names = Array.from({ length: levels }, (_, level) => [level, twice(level + 1)])
  return JSON.stringify({ $defs: Object.fromEntries([...names, [levels, {}]]), ...twice(0) })
}
