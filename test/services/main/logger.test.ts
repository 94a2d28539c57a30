import { closeSync, openSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { Writable } from 'node:stream'
import t from 'tap'
import { withCorrelation } from '../../../services/kernel/correlation.ts'
import { createLogger, openLogger } from '../../../services/main/logger.ts'
import { waitFor } from '../../support/wait-for.ts'

function logged(work: (logger: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = []
  const output = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  work(createLogger({ logLevel: 'info' }, output))
  return lines.map((line) => JSON.parse(line))
}

t.test('what belongs to a request carries its id', async (t) => {
  const [inside, own, outside] = logged((logger) => {
    withCorrelation('c-1', () => {
      logger.info({ n: 1 }, 'inside')
      logger.info({ correlationId: 'c-2' }, 'its own')
    })
    logger.info({}, 'outside')
  })
  t.match(inside, { level: 'info', correlationId: 'c-1', n: 1, msg: 'inside' })
  t.equal(own.correlationId, 'c-2')
  t.notOk('correlationId' in outside)
})

t.test('secrets do not get into the log by accident', async (t) => {
  const [line] = logged((logger) =>
    logger.warn(
      {
        authorization: 'hush',
        request: { headers: { authorization: 'hush', 'x-api-key': 'hush' }, token: 'hush' },
        options: { password: 'hush' },
      },
      'x',
    ),
  )
  t.notMatch(JSON.stringify(line), 'hush')
})

t.test('a text with line breaks stays one line', async (t) => {
  const lines = logged((logger) => logger.info({ path: 'a\r\n{"level":"error"}' }, 'x'))
  t.equal(lines.length, 1)
})

t.test('on a full disk lines are dropped, and counted when there is room again', async (t) => {
  const full = openSync('/dev/full', 'a')
  const logger = createLogger({ logLevel: 'info' }, full)
  t.doesNotThrow(() => {
    for (let n = 1; n <= 10_000; n++) logger.info({ n }, 'x')
  })
  closeSync(full)
  const file = path.join(t.testdir({}), 'log')
  t.equal(openSync(file, 'a'), full, 'the number of the output is a file with room now')
  logger.info({ n: 10_001 }, 'x')
  const lines = await waitFor('the count', async () => {
    const written = readFileSync(file, 'utf8').trim().split('\n')
    return written.at(-1)?.includes('dropped') ? written.map((line) => JSON.parse(line)) : undefined
  })
  closeSync(full)
  const kept = lines.slice(0, -1)
  t.same(
    kept.map(({ n }) => n),
    Array.from({ length: kept.length }, (_, at) => at + 1),
  )
  t.match(lines.at(-1), { level: 'warn', lines: 10_001 - kept.length })
})

t.test('a log directory keeps the newest lines, in a few files, over restarts', async (t) => {
  const logDirectory = path.join(t.testdir(), 'log')
  const files = () => readdirSync(logDirectory).filter((name) => name !== 'current.log')
  const linesOf = (name: string) => {
    const text = readFileSync(path.join(logDirectory, name), 'utf8')
    return text.split('\n').filter((line) => line !== '')
  }
  const limits = { fileBytes: 1_000, files: 3 }
  for (const run of [1, 2]) {
    const logger = await openLogger({ logLevel: 'info', logDirectory }, limits)
    for (let n = 1; n <= 103; n++) {
      logger.info({ run, n }, 'x')
      // Files change between two rounds of the loop, as they do while requests are served.
      if (n % 5 === 0) await new Promise(setImmediate)
    }
    await waitFor('the oldest files to go', () => files().length === limits.files)
    t.match(linesOf('current.log').at(-1), `"run":${run},"n":103`)
  }
  const kept = files()
    .sort((one, other) => Number(one.split('.')[1]) - Number(other.split('.')[1]))
    .flatMap(linesOf)
  t.same(
    kept.map((line) => JSON.parse(line).n),
    Array.from({ length: kept.length }, (_, at) => 104 - kept.length + at),
    'none is missing among those that are kept',
  )
  t.match(realpathSync(path.join(logDirectory, 'current.log')), /tidemark\.\d+\.log$/)
})

t.test('a log directory that cannot be written to is one sentence', async (t) => {
  const file = path.join(t.testdir({ taken: 'a file' }), 'taken')
  await t.rejects(openLogger({ logLevel: 'info', logDirectory: file }), {
    name: 'StartError',
    message: 'LOG_DIR cannot be written to: EEXIST.',
  })
})
