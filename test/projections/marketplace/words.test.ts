import fc from 'fast-check'
import t from 'tap'
import { editDistance } from '../../../projections/marketplace/edit-distance.ts'
import { serviceDocument } from '../../../projections/marketplace/service-document.ts'
import { meaningfulWordsOf, wordsOf, wordsOfName } from '../../../projections/marketplace/words.ts'

t.test('words are lower case, without accents, in the singular', async (t) => {
  t.same(wordsOf('Files & Bücher: naïve queries!'), ['file', 'bucher', 'naive', 'query'])
  t.same(wordsOf('status class kubernetes boxes'), ['status', 'class', 'kubernete', 'box'])
  t.same(wordsOf('漢字 東京'), ['漢字', '東京'])
  t.same(wordsOf('x'.repeat(41)), [])
})

t.test("a name's last part is also one word, and camel case is several", async (t) => {
  const words = wordsOfName('io.github.me/localRag-server')
  for (const word of ['local', 'rag', 'server', 'localrag', 'localragserver', 'me'])
    t.ok(words.includes(word), word)
})

t.test('fillers do not count unless there is nothing else', async (t) => {
  t.same(meaningfulWordsOf('the files of a folder'), ['file', 'folder'])
  t.same(meaningfulWordsOf('the'), ['the'])
})

t.test('edits are counted, a swap as one', async (t) => {
  t.equal(editDistance('raygun', 'ragyun'), 1)
  t.equal(editDistance('postgres', 'postgers'), 1)
  t.equal(editDistance('file', 'files'), 1)
  t.equal(editDistance('', 'abc'), 3)
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b)
      return (
        distance === editDistance(b, a) &&
        (distance === 0) === (a === b) &&
        distance <= Math.max(a.length, b.length) &&
        distance >= Math.abs(a.length - b.length)
      )
    }),
  )
})

t.test('no entry, however odd, breaks the document', async () => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), fc.anything(), (name, json, anything) => {
      for (const entry of [json, { server: json }, { server: { packages: json, remotes: json } }]) {
        const { search, words } = serviceDocument(name, entry)
        if (/[\0\\]/.test(search) || words.some((word) => !/^[\p{L}\p{N}]+$/u.test(word)))
          throw new Error(search)
      }
      serviceDocument(name, anything)
    }),
  )
})
