import { isJsonArray, type Json } from '../../kernel/json.ts'
import type { Budget } from './budget.ts'

const LONGEST_EXCERPT = 29
const ESCAPED = /[\p{Cc}"\\]/u

/** jq's text of a number: 17 digits at most, an exponent below 1e-5 and from 1e17 on (rounded numbers earlier). */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'null'
  if (!Number.isFinite(value)) return value > 0 ? LARGEST : `-${LARGEST}`
  if (Number.isInteger(value) && Math.abs(value) < 1e15)
    return value === 0 ? zeroText(value) : String(value)
  const [mantissa = '', exponent = ''] = value.toExponential().split('e')
  const sign = mantissa.startsWith('-') ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '')
  const point = Number(exponent) + 1
  if (point <= -4 || point > digits.length + 15) return `${sign}${exponential(digits, point - 1)}`
  return sign + positional(digits, point)
}

const LARGEST = '1.7976931348623157e+308'

function zeroText(value: number): string {
  return Object.is(value, -0) ? '-0' : '0'
}

function exponential(digits: string, exponent: number): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  const size = String(Math.abs(exponent)).padStart(2, '0')
  return `${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${size}`
}

function positional(digits: string, point: number): string {
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return digits + '0'.repeat(point - digits.length)
  return `${digits.slice(0, point)}.${digits.slice(point)}`
}

/** What `tojson` gives. */
export function textOf(budget: Budget, value: Json): string {
  const text = write(value, (size) => {
    budget.step()
    budget.bytes(size)
  })
  return text
}

/** The beginning of a value's text, for messages: at most 29 bytes, with dots before what closes it. */
export function excerptOf(value: Json): string {
  const text = beginning('', value)
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= LONGEST_EXCERPT) return text
  const close = text.startsWith('"') ? '"' : text.startsWith('[') ? ']' : '}'
  let end = LONGEST_EXCERPT - 4
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return `${new TextDecoder().decode(bytes.subarray(0, end))}...${close}`
}

/** `text` and what follows, as far as it matters. */
function beginning(text: string, value: Json): string {
  if (text.length > LONGEST_EXCERPT) return text
  if (typeof value === 'string') return text + quoted(value.slice(0, LONGEST_EXCERPT + 1))
  if (typeof value === 'number') return text + numberText(value)
  if (typeof value !== 'object' || value === null) return text + String(value)
  const isArray = isJsonArray(value)
  let grown = text + (isArray ? '[' : '{')
  let separator = ''
  for (const key in value) {
    if (grown.length > LONGEST_EXCERPT) return grown
    const each = (isArray ? value[Number(key)] : value[key]) ?? null
    grown = beginning(isArray ? grown + separator : `${grown}${separator}${quoted(key)}:`, each)
    separator = ','
  }
  return grown + (isArray ? ']' : '}')
}

function write(value: Json, take: (size: number) => void): string {
  if (typeof value === 'string') {
    take(value.length + 2)
    return quoted(value)
  }
  if (typeof value === 'number') {
    take(8)
    return numberText(value)
  }
  if (value === null || typeof value === 'boolean') {
    take(4)
    return String(value)
  }
  take(2)
  if (isJsonArray(value)) return `[${value.map((each) => write(each, take)).join(',')}]`
  const members: string[] = []
  for (const key of Object.keys(value)) {
    take(key.length + 4)
    members.push(`${quoted(key)}:${write(value[key] ?? null, take)}`)
  }
  return `{${members.join(',')}}`
}

function quoted(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text).replaceAll('\u007f', '\\u007f') : `"${text}"`
}
