import { readFileSync } from 'node:fs'
import path from 'node:path'

const README = path.resolve(import.meta.dirname, '../../README.md')

/** The lines that the code blocks of one section of README.md tell a person to type. */
export function commandsOf(section: string): readonly string[] {
  const [, text] = readFileSync(README, 'utf8').split(`\n## ${section}\n`)
  if (text === undefined) throw new Error(`README.md has no section "${section}".`)
  const [own = ''] = text.split('\n## ')
  const blocks = [...own.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block)
  return blocks.join('').split('\n').filter(Boolean)
}
