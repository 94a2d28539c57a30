import { isJsonArray, type Json } from '../../kernel/json.ts'
import { isPlain } from './access.ts'
import type { Budget } from './budget.ts'
import { numberText, textOf } from './text.ts'
import { describe, fail } from './values.ts'

/** `@name`: a value as text, for a purpose. */
export type Format = (budget: Budget, value: Json) => string

export const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['text', plain],
  ['json', textOf],
  ['html', (budget, value) => escaped(budget, plain(budget, value), /[<>&'"]/g, HTML)],
  ['uri', (budget, value) => percentEncoded(budget, plain(budget, value))],
  ['urid', (budget, value) => percentDecoded(plain(budget, value))],
  ['csv', (budget, value) => row(budget, value, 'csv', ',', csvText)],
  ['tsv', (budget, value) => row(budget, value, 'tsv', '\t', tsvText)],
  ['sh', shell],
  ['base64', (budget, value) => base64(budget, plain(budget, value))],
  ['base64d', (budget, value) => base64Decoded(budget, plain(budget, value))],
  ['base32', (budget, value) => base32(budget, plain(budget, value))],
  ['base32d', (budget, value) => base32Decoded(budget, plain(budget, value))],
])

const HTML: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  "'": '&#39;',
  '"': '&quot;',
}

const TSV: Readonly<Record<string, string>> = {
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\\': '\\\\',
}

function plain(budget: Budget, value: Json): string {
  return typeof value === 'string' ? value : textOf(budget, value)
}

function escaped(
  budget: Budget,
  text: string,
  special: RegExp,
  escapes: Readonly<Record<string, string>>,
): string {
  const result = text.replace(special, (char) => escapes[char] ?? char)
  budget.bytes(result.length)
  return result
}

function percentEncoded(budget: Budget, text: string): string {
  budget.bytes(3 * text.length)
  return encodeURIComponent(wellFormed(text)).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** Half a surrogate pair has no UTF-8. */
function wellFormed(text: string): string {
  return isPlain(text) ? text : new TextDecoder().decode(new TextEncoder().encode(text))
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return fail(`${describe(text)} is not a valid uri encoding`)
  }
}

function row(
  budget: Budget,
  value: Json,
  format: string,
  separator: string,
  textIn: (text: string) => string,
): string {
  if (!isJsonArray(value))
    return fail(`${describe(value)} cannot be ${format}-formatted, only array`)
  const cells = value.map((cell) => {
    budget.step()
    if (typeof cell === 'string') return textIn(cell)
    if (typeof cell === 'number') return Number.isNaN(cell) ? '' : numberText(cell)
    if (typeof cell === 'boolean') return String(cell)
    return cell === null ? '' : fail(`${describe(cell)} is not valid in a csv row`)
  })
  const text = cells.join(separator)
  budget.bytes(text.length)
  return text
}

function csvText(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

function tsvText(text: string): string {
  return text.replace(/[\t\n\r\\]/g, (char) => TSV[char] ?? char)
}

function shell(budget: Budget, value: Json): string {
  const words = (isJsonArray(value) ? value : [value]).map((word) => {
    if (typeof word === 'string') return `'${word.replaceAll("'", "'\\''")}'`
    if (typeof word === 'object' && word !== null)
      return fail(`${describe(word)} can not be escaped for shell`)
    return textOf(budget, word)
  })
  const text = words.join(' ')
  budget.bytes(text.length)
  return text
}

const BINARY_CHUNK = 8_192

function base64(budget: Budget, text: string): string {
  budget.steps(text.length >> 3)
  budget.bytes(2 * text.length)
  const bytes = new TextEncoder().encode(text)
  let binary = ''
  for (let at = 0; at < bytes.length; at += BINARY_CHUNK)
    binary += String.fromCharCode(...bytes.subarray(at, at + BINARY_CHUNK))
  return btoa(binary)
}

function base64Decoded(budget: Budget, text: string): string {
  budget.steps(text.length >> 3)
  budget.bytes(text.length)
  const digits = text.replace(/=+$/, '')
  if (!/^[A-Za-z0-9+/]*$/.test(digits)) return fail(`${describe(text)} is not valid base64 data`)
  if (digits.length === 1) return fail(`${describe(text)} trailing base64 byte found`)
  const binary = atob(digits.length % 4 === 1 ? digits.slice(0, -1) : digits)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at)
  return new TextDecoder().decode(bytes)
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function base32(budget: Budget, text: string): string {
  const bytes = new TextEncoder().encode(text)
  budget.bytes(2 * bytes.length + 8)
  let result = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) result += BASE32[(held >>> (bits - 5)) & 31]
    held &= 31
  }
  if (bits > 0) result += BASE32[(held << (5 - bits)) & 31]
  return result.padEnd(Math.ceil(result.length / 8) * 8, '=')
}

function base32Decoded(budget: Budget, text: string): string {
  budget.bytes(text.length)
  const bytes: number[] = []
  let held = 0
  let bits = 0
  for (const char of text.replace(/=+$/, '')) {
    const digit = BASE32.indexOf(char)
    if (digit === -1) return fail(`${describe(text)} is not valid base32 data`)
    held = ((held << 5) | digit) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >>> bits) & 255)
  }
  return new TextDecoder().decode(Uint8Array.from(bytes))
}
