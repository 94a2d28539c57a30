// Controls, characters that reorder or hide text (bidi marks, zero widths), line separators.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Text from elsewhere as one harmless line: no control sequence of it reaches the terminal. */
export function printable(text: unknown): string {
  return String(text ?? '').replaceAll(UNSAFE, escapeOf)
}

/** The same for text of several lines, which stay lines. */
export function printableLines(text: string): string {
  return text.split(/\r?\n/).map(printable).join('\n')
}

function escapeOf(character: string): string {
  if (character === '\n' || character === '\t') return ' '
  return `\\u{${character.codePointAt(0)?.toString(16)}}`
}
