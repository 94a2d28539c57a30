import t from 'tap'
import { isBreaking } from '../../../domain/installer/breaking.ts'

t.test('another major version breaks', async (t) => {
  t.equal(isBreaking('1.2.3', '2.0.0'), true)
  t.equal(isBreaking('2.0.0', '1.2.3'), true)
  t.equal(isBreaking('1.2.3', '1.9.0'), false)
  t.equal(isBreaking('2025.12.18', '2026.8.31'), true)
})

t.test('before 1.0.0 another minor version breaks', async (t) => {
  t.equal(isBreaking('0.2.0', '0.3.0'), true)
  t.equal(isBreaking('0.2.0', '0.2.9'), false)
})

t.test('what cannot be compared breaks', async (t) => {
  t.equal(isBreaking('1.0', '1.1'), true)
  t.equal(isBreaking('1.0.0', 'latest'), true)
  t.equal(isBreaking('1.0.0-rc.1', '1.0.0+build.5'), false)
})
