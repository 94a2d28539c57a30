export type Tool = {
  readonly program: string
  readonly environmentVariable: string
  /** The package's name in Debian and Ubuntu, Fedora, and Alpine alike. */
  readonly package: string
  /** A Go module that builds the program, with its version. */
  readonly goModule?: string
}

export const NATS_SERVER: Tool = {
  program: 'nats-server',
  environmentVariable: 'NATS_SERVER_BIN',
  package: 'nats-server',
  goModule: 'github.com/nats-io/nats-server/v2@v2.15.2',
}

export const BUBBLEWRAP: Tool = {
  program: 'bwrap',
  environmentVariable: 'BWRAP_BIN',
  package: 'bubblewrap',
}
