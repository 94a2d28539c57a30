import { lookUp } from '../run/reference.ts'

// What a small schema can make a check of small data take for ever with is refused when a document is saved.

/** Subschemas that apply, each as often as references lead to it. */
const MOST_PARTS = 5_000
/** Members of these are names. */
const NAMES = new Set(['properties', 'patternProperties', 'dependentSchemas'])
/** What is in these applies only where it is referred to, or is a value. */
const ASIDE = new Set(['$defs', 'definitions', 'const', 'enum', 'default', 'examples'])
const REFUSED = ['$dynamicRef', '$recursiveRef', 'uniqueItems']

/** @returns why the schema is refused, in words. */
export function tooCostly(schema: unknown): string | undefined {
  const cost = new Cost(schema)
  try {
    const parts = cost.of(schema)
    return parts > MOST_PARTS ? 'its references make too much of it' : undefined
  } catch (error) {
    if (error instanceof Refusal) return error.message
    throw error
  }
}

class Refusal extends Error {
  override readonly name = 'Refusal'
}

class Cost {
  readonly #root: unknown
  /** Of the targets of references; undefined while one is looked at. */
  readonly #known = new Map<unknown, number | undefined>()

  constructor(root: unknown) {
    this.#root = root
  }

  of(schema: unknown): number {
    if (typeof schema !== 'object' || schema === null) return 0
    const refused = REFUSED.find((keyword) => Object.hasOwn(schema, keyword))
    if (refused !== undefined) throw new Refusal(`${refused} is not done here`)
    let parts = 1
    for (const [keyword, value] of Object.entries(schema))
      if (keyword === '$ref') parts += this.#ofTarget(String(value))
      else if (NAMES.has(keyword)) parts += this.#ofAll(Object.values(value ?? {}))
      else if (!ASIDE.has(keyword)) parts += this.#ofAll([value].flat())
    return parts
  }

  #ofAll(schemas: readonly unknown[]): number {
    return schemas.reduce<number>((parts, each) => parts + this.of(each), 0)
  }

  #ofTarget(reference: string): number {
    const target = reference.startsWith('#') ? targetOf(this.#root, reference.slice(1)) : undefined
    if (target === undefined) throw new Refusal(`can't resolve reference ${reference}`)
    if (!this.#known.has(target)) {
      this.#known.set(target, undefined)
      this.#known.set(target, this.of(target))
    }
    const parts = this.#known.get(target)
    if (parts === undefined) throw new Refusal(`${reference} leads back to itself`)
    return parts
  }
}

function targetOf(root: unknown, fragment: string): unknown {
  try {
    return fragment === '' || fragment.startsWith('/')
      ? lookUp(root, decodeURIComponent(fragment))
      : undefined
  } catch {
    return undefined
  }
}
