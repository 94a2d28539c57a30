declare module 'pino-roll' {
  import type { destination } from 'pino'

  type RollOptions = Exclude<Parameters<typeof destination>[0], string | number | undefined> & {
    /** Its name gets the number of the file before the extension. */
    readonly file: string
    /** A number and a unit: b, k, m, g. */
    readonly size: string
    readonly limit: {
      /** The current file included. */
      readonly count: number
      /** Also files of earlier runs. */
      readonly removeOtherLogFiles: true
    }
    /** `current.log` beside the files is the newest one. */
    readonly symlink: boolean
  }
  function roll(options: RollOptions): Promise<ReturnType<typeof destination>>
  export = roll
}
