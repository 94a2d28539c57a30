/**
 * `make up`: everything that Tidemark needs, and Tidemark, until Ctrl-C. With `--split`, which is
 * `make up-split`, each role in processes of its own.
 */
import { statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { holdDataDirectory } from './stack/data-directory.ts'
import { say, sentenceFor } from './stack/say.ts'
import type { Part } from './stack/split.ts'
import { Stack } from './stack/stack.ts'

const root = path.resolve(import.meta.dirname, '..')
const startedAt = performance.now()
const CATALOGUE_TIMEOUT_MS = 10_000

try {
  await up()
} catch (error) {
  process.stderr.write(`${sentenceFor(error)}\n`)
  process.exitCode = 1
}

async function up(): Promise<void> {
  const data = holdDataDirectory(path.resolve(root, process.env.DATA_DIR ?? '.data'))
  const asked = new AbortController()
  const stack = new Stack({ root, data, environment: process.env, say, signal: asked.signal })
  const stopped = onceAskedToStop(asked, stack)
  try {
    const isFirstStart = !exists(path.join(data.path, 'first-api-key'))
    const parts = process.argv.includes('--split') ? await stack.startSplit() : []
    const address = parts[0]?.address ?? (await stack.start())
    if (isFirstStart) await untilSomethingIsListed(address, asked.signal)
    welcome(address, path.join(data.path, 'first-api-key'), parts)
    await Promise.race([stopped, stack.failed])
  } catch (error) {
    if (!asked.signal.aborted) throw error
  } finally {
    await stack[Symbol.asyncDispose]()
    data.release()
  }
  say(`Stopped; the data stay in ${shortest(data.path)}.`)
}

/** So that the first thing to try finds something. The catalogue may also stay empty: that stops nobody. */
async function untilSomethingIsListed(address: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + CATALOGUE_TIMEOUT_MS
  while (!signal.aborted && Date.now() < deadline) {
    const isOver = await fetch(`${address}/v0.1/servers?limit=1`, { signal }).then(
      async (response) => response.status === 401 || (await response.text()).includes('"name"'),
      () => false,
    )
    if (isOver) return
    await delay(100)
  }
}

/** The first request to stop is answered in order, the second one at once. */
function onceAskedToStop(asked: AbortController, stack: Stack): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        if (asked.signal.aborted) stack.kill()
        else say('\nStopping …')
        asked.abort()
        resolve()
      })
  })
}

function welcome(address: string, keyFile: string, parts: readonly Part[]): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  const logFile = path.join(path.dirname(keyFile), 'log', 'current.log')
  const log = parts.length === 0 ? shortest(logFile) : 'below, from LOG_LEVEL on (warn)'
  say(`
Tidemark is running at ${address} (started in ${seconds} s)

  API key   ${exists(keyFile) ? shortest(keyFile) : 'issued earlier; make another with `tidemark keys`'}
  API       ${address}/docs
  Log       ${log}
${processes(parts)}
Three things to try in another terminal:

  npx tidemark search filesystem
  make tour
  curl ${address}/v0.1/servers?limit=3

Ctrl-C stops everything.
`)
}

function processes(parts: readonly Part[]): string {
  if (parts.length === 0) return ''
  const lines = parts.map(({ name, address }) => `  ${name.padEnd(14)}${address}`)
  return `\nEach of its processes may be killed, and is started again:\n\n${lines.join('\n')}\n`
}

function shortest(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative.startsWith('..') ? file : relative
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}
