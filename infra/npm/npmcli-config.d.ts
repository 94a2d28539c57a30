declare module '@npmcli/config' {
  type ConfigOptions = {
    readonly npmPath: string
    readonly definitions: object
    readonly shorthands: object
    readonly flatten: unknown
    readonly nerfDarts?: readonly string[]
    readonly argv?: readonly string[]
    readonly cwd?: string
    readonly warn?: boolean
  }
  /** npm's own reader of its configuration: files, environment, defaults. */
  class Config {
    constructor(options: ConfigOptions)
    load(): Promise<void>
    /** Options as npm's libraries take them, credentials included. */
    readonly flat: Readonly<Record<string, unknown>>
  }
  export = Config
}

declare module '@npmcli/config/lib/definitions/index.js' {
  /** What npm itself knows: every option, its default, and how the libraries call it. */
  const npmDefinitions: {
    readonly definitions: object
    readonly shorthands: object
    readonly flatten: unknown
    readonly nerfDarts: readonly string[]
  }
  export = npmDefinitions
}
