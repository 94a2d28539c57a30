type Log = (fields: object, message: string) => void

/** Structured log; a pino logger is one. No secret, no third-party text outside `fields`. */
export interface Logger {
  readonly debug: Log
  readonly info: Log
  readonly warn: Log
  readonly error: Log
}

/** For tests and tools that log nothing. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
