/** @throws {Error} saying `otherwise` when `fact` does not hold. */
export function check(fact: boolean, otherwise: string): asserts fact {
  if (!fact) throw new Error(otherwise)
}
