import fc from 'fast-check'
import t from 'tap'
import { printable, printableLines } from '../../../services/cli/printable.ts'

t.test('no control sequence of a stranger reaches the terminal', async (t) => {
  t.equal(printable('a\u001b[2Jb'), String.raw`a\u{1b}[2Jb`)
  t.equal(printable('over\u202ewritten'), String.raw`over\u{202e}written`)
  t.equal(printable('two\nlines\tand tabs'), 'two lines and tabs')
  t.equal(printable(undefined), '')
  t.equal(printableLines('two\r\nlines\u0007'), 'two\nlines\\u{7}')
})

t.test('whatever text comes in, one line without controls comes out', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = printable(text)
      return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line)
    }),
  )
})

t.test('ordinary text of every script stays as it is', async (t) => {
  for (const text of ['Größe', '日本語', 'مرحبا', '🌊 tide']) t.equal(printable(text), text)
})
