/** semver 2.0.0 without its build part, which takes no part in comparing. */
const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/

/**
 * Whether going from one version to the other can break who uses it: another major version, or
 * another minor version of 0.x (semver item 4, as npm's caret reads it). What is not semver
 * cannot be compared, so it counts as breaking.
 */
export function isBreaking(from: string, to: string): boolean {
  const [before, after] = [SEMVER.exec(from), SEMVER.exec(to)]
  if (before === null || after === null) return true
  if (before[1] !== after[1]) return true
  return before[1] === '0' && before[2] !== after[2]
}
