import t, { type Test } from 'tap'
import { startChild } from '../../scripts/stack/child.ts'
import { commandLine } from '../../scripts/stack/processes.ts'
import { RestartedChild } from '../../scripts/stack/restarted-child.ts'
import { freshDataDirectory, runProgram, UP } from '../support/up.ts'
import { waitFor } from '../support/wait-for.ts'

/** Runs `script` under supervision. */
function supervised(t: Test, script: string) {
  const said: string[] = []
  const lines: string[] = []
  const refusals: string[] = []
  const child = new RestartedChild({
    name: 'it',
    start: () =>
      startChild({
        command: process.execPath,
        args: ['-e', script],
        output: (line) => lines.push(line),
        stopSignal: 'SIGTERM',
      }),
    say: (line) => said.push(line),
    onRefused: (lastWords) => refusals.push(lastWords),
  })
  t.teardown(() => child.stop())
  return { child, said, lines, refusals }
}

t.test('what ends is started again, a little later each time, until it is stopped', async (t) => {
  const { child, said, lines } = supervised(
    t,
    'console.log(process.pid); setInterval(() => {}, 1_000)',
  )
  const ended: number[] = []
  for (const times of [1, 2, 3]) {
    const pid = await waitFor('it to run', () => lines.length === times && Number(lines.at(-1)))
    if (times < 3) process.kill(pid, 'SIGKILL')
    ended.push(pid)
  }
  t.same(said, [
    'it ended by itself (SIGKILL); it is started again in 200 ms.',
    'it ended by itself (SIGKILL); it is started again in 400 ms.',
  ])
  await child.stop()
  t.same(ended.map(commandLine), ['', '', ''])
  t.equal(said.length, 2)
})

t.test('it is stopped also while it waits to be started again', async (t) => {
  const { child, said } = supervised(t, 'process.exit(1)')
  await waitFor('its end', () => said.length > 0)
  await child.stop()
  t.ok(said.every((line) => line.startsWith('it ended by itself (exit code 1)')))
})

t.test('what says that it is configured wrongly is not tried again', async (t) => {
  const { refusals, lines } = supervised(t, 'console.error("PORT is wrong."); process.exit(2)')
  t.equal(await waitFor('its words', () => refusals[0]), 'PORT is wrong.')
  t.same(lines, ['PORT is wrong.'])
})

t.test('what no restart can put right is said once, and everything stops', async (t) => {
  const environment = { DATA_DIR: freshDataDirectory(t), PORT: '0', LOG_LEVEL: 'loud' }
  const split = runProgram(t, UP, environment, '--split')
  t.equal(await split.ended, 1)
  t.match(split.output(), /does not start:\nLOG_LEVEL must be one of /)
})
