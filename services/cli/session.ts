import type { Command } from 'commander'
import { type Api, connect } from './api.ts'
import { print, printJson } from './output.ts'
import type { GlobalOptions } from './settings.ts'

/** Prints: as JSON where that was asked for, else as `forPeople` does. */
type Answer = <Found>(answer: Found, forPeople: (answer: Found) => void) => void

/** What a command works with. */
export type Session = {
  readonly api: Api
  readonly json: boolean
  readonly answer: Answer
  /** A remark for people; programs read stdout and do not see it. */
  readonly note: (line: string) => void
}

export function sessionOf(command: Command): Session {
  const options = command.optsWithGlobals<GlobalOptions>()
  const json = options.json === true
  return {
    api: connect(options),
    json,
    answer: answerOf(command),
    note: (line) => {
      if (!json) print(line)
    },
  }
}

/** For a command that asks no server. */
export function answerOf(command: Command): Answer {
  const json = command.optsWithGlobals<GlobalOptions>().json === true
  return (answer, forPeople) => (json ? printJson(answer) : forPeople(answer))
}
