import { Writable } from 'node:stream'
import t from 'tap'
import { withCorrelation } from '../../../services/kernel/correlation.ts'
import { createLogger } from '../../../services/main/logger.ts'

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
