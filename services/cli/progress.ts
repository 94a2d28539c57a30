import { printable } from './printable.ts'
import type { Session } from './session.ts'

/** Shows what is going on now, beside the step's title. */
export type Show = (state: string) => void

export type Step<Result> = {
  readonly title: string
  /** @returns the title once it is done, and what the command answers with. */
  readonly run: (show: Show) => Promise<{ readonly title: string; readonly result: Result }>
}

/**
 * Does the steps side by side and shows how far each is: live on a terminal, as lines elsewhere,
 * not at all for programs.
 *
 * @throws the first failure, after all have ended.
 */
export async function showProgress<Result>(
  { json }: Session,
  steps: readonly Step<Result>[],
): Promise<readonly Result[]> {
  const results: Result[] = []
  const failures: unknown[] = []
  // Loaded where it is used: most commands show no progress.
  const { Listr } = await import('listr2')
  const list = new Listr(
    steps.map(({ title, run }) => ({
      title: printable(title),
      async task(_context: unknown, task: { title: string; output: string }) {
        const shown = new Set<string>()
        try {
          const done = await run((state) => {
            // A terminal shows one state in place of the other; a list of lines has each once.
            if (shown.has(state) && !process.stdout.isTTY) return
            shown.add(state)
            task.output = printable(state)
          })
          task.title = printable(done.title)
          results.push(done.result)
        } catch (error) {
          failures.push(error)
          throw new Error(printable(error instanceof Error ? error.message : error))
        }
      },
    })),
    {
      concurrent: true,
      exitOnError: false,
      renderer: json ? 'silent' : process.stdout.isTTY ? 'default' : 'simple',
    },
  )
  await list.run()
  const [failure] = failures
  if (failure === undefined) return results
  throw failure
}
