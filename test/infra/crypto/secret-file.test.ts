import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { keepPepper, keepSecretFile } from '../../../infra/crypto/secret-file.ts'

t.test('a secret is made once, for its owner only, and stays', async (t) => {
  const directory = t.testdir()
  const pepper = await keepPepper(directory)
  t.match(pepper, /^[A-Za-z0-9_-]{43}$/)
  t.equal(await keepPepper(directory), pepper)
  const { mode } = await stat(path.join(directory, 'key-pepper'))
  t.equal(mode & 0o777, 0o600)
})

t.test('of many that start at once all get the same one, and no draft stays', async (t) => {
  const directory = path.join(t.testdir(), 'data')
  await mkdir(directory)
  const file = path.join(directory, 'first')
  let made = 0
  const secrets = await Promise.all(
    Array.from({ length: 20 }, () => keepSecretFile(file, () => `secret ${made++}`)),
  )
  t.equal(new Set(secrets).size, 1)
  t.same(await readdir(directory), ['first'])
  t.equal((await readFile(file, 'utf8')).trim(), secrets[0])
})

t.test('a directory that is not there is an error, not a lost secret', async (t) => {
  await t.rejects(keepPepper(path.join(t.testdir(), 'missing')), { code: 'ENOENT' })
})
