import { isUtf8 } from 'node:buffer'
import type { Readable } from 'node:stream'
import { nestsDeeperThan } from './json-depth.ts'
import { Rate } from './rate.ts'

const NEWLINE = 10
const MAX_DEPTH = 128

export type LineLimits = {
  readonly maxLineBytes: number
  readonly maxBytesPerSecond: number
  /** Each costs a parse and a dispatch, however short it is. */
  readonly maxLinesPerSecond: number
  /** Lines that are not JSON, before the writer is given up. */
  readonly maxBadLines: number
}

export const DEFAULT_LINE_LIMITS: LineLimits = {
  maxLineBytes: 4 * 1024 * 1024,
  maxBytesPerSecond: 64 * 1024 * 1024,
  maxLinesPerSecond: 20_000,
  maxBadLines: 1_000,
}

/** What to do with the lines of a server that is not trusted to write any. */
export type LineHandlers = {
  readonly onValue: (value: unknown) => void
  /** The line was dropped; `why` has nothing of the line in it. */
  readonly onBadLine: (why: string) => void
  /** Reading has stopped for good; called once. */
  readonly onMisbehaviour: (why: string) => void
}

/**
 * Reads one JSON value a line and holds never more than one line: a writer that exceeds a limit
 * is not read any further.
 */
export function readJsonLines(source: Readable, limits: LineLimits, handlers: LineHandlers): void {
  let pending: Buffer[] = []
  let pendingBytes = 0
  let badLines = 0
  const bytes = new Rate(limits.maxBytesPerSecond)
  const lines = new Rate(limits.maxLinesPerSecond)
  let reading = true

  function giveUp(why: string): void {
    reading = false
    source.off('data', onData)
    source.destroy()
    pending = []
    handlers.onMisbehaviour(why)
  }

  function take(line: Buffer): void {
    if (lines.exceededBy(1)) {
      giveUp(`It wrote more than ${limits.maxLinesPerSecond} lines in a second.`)
      return
    }
    const read = readLine(line)
    if ('value' in read) {
      handlers.onValue(read.value)
      return
    }
    handlers.onBadLine(read.fault)
    if (++badLines > limits.maxBadLines)
      giveUp(`It wrote more than ${limits.maxBadLines} lines that are no messages.`)
  }

  function hold(part: Buffer): void {
    pendingBytes += part.length
    pending.push(part)
    if (pendingBytes > limits.maxLineBytes)
      giveUp(`It wrote a line of more than ${limits.maxLineBytes} bytes.`)
  }

  function onData(chunk: Buffer): void {
    if (bytes.exceededBy(chunk.length))
      giveUp(`It wrote more than ${limits.maxBytesPerSecond} bytes in a second.`)
    let start = 0
    let end = chunk.indexOf(NEWLINE)
    while (reading && end !== -1) {
      hold(chunk.subarray(start, end))
      const line = Buffer.concat(pending)
      pending = []
      pendingBytes = 0
      if (reading && line.length > 0) take(line)
      start = end + 1
      end = chunk.indexOf(NEWLINE, start)
    }
    if (reading && start < chunk.length) hold(chunk.subarray(start))
  }

  source.on('data', onData)
}

function readLine(line: Buffer): { readonly value: unknown } | { readonly fault: string } {
  if (!isUtf8(line)) return { fault: 'not UTF-8' }
  const text = line.toString('utf8')
  if (nestsDeeperThan(text, MAX_DEPTH)) return { fault: `nested deeper than ${MAX_DEPTH}` }
  try {
    return { value: JSON.parse(text) }
  } catch {
    return { fault: 'not JSON' }
  }
}
