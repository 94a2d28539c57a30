import type { Command } from 'commander'
import { type Api, connect } from './api.ts'
import { print, printJson } from './output.ts'
import type { GlobalOptions } from './settings.ts'

/** What a command works with. */
export type Session = {
  readonly api: Api
  readonly json: boolean
  /** An answer: as JSON where that was asked for, else as `forPeople` prints it. */
  readonly answer: <Answer>(answer: Answer, forPeople: (answer: Answer) => void) => void
  /** A remark for people; programs read stdout and do not see it. */
  readonly note: (line: string) => void
}

export function sessionOf(command: Command): Session {
  const options = command.optsWithGlobals<GlobalOptions>()
  const json = options.json === true
  return {
    api: connect(options),
    json,
    answer: (answer, forPeople) => (json ? printJson(answer) : forPeople(answer)),
    note: (line) => {
      if (!json) print(line)
    },
  }
}
