const WIDTH = 10

/**
 * Text that sorts (byte by byte) as versions do: numbers by value, a pre-release before its
 * release. Versions that are not semver sort somewhere, always in the same place.
 */
export function versionKey(version: string): string {
  const [release = '', ...pre] = (version.replace(/^v/i, '').split('+')[0] ?? '').split('-')
  const padded = (text: string) => text.replace(/\d+/g, (digits) => digits.padStart(WIDTH, '0'))
  return `${padded(release)}${pre.length === 0 ? '~' : `-${padded(pre.join('-'))}`}`
}
