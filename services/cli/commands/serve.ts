import type { Command } from 'commander'

/** Starts the whole program in this process; resolves when it serves. */
export type Serve = (options: { readonly roles?: string }) => Promise<void>

const ROLES = `
Roles, each in any number of processes:
  api        the HTTP API
  gateway    MCP traffic to the installed servers
  relay      the log to NATS JetStream; one works, the others stand by
  projector  the log to the read models; one works, the others stand by
  reactors   syncs and installs, shared between them
  jobs       what is due by the clock

Every process answers /health/live, /health/ready and /metrics on its own HOST and PORT.
It is configured by the environment: DATABASE_URL and NATS_URL at least, see README.md.
Processes with the roles api, gateway or reactors share one DATA_DIR.
SIGTERM lets it finish what it does: exit code 0. A second one ends it at once.
`

export function addServeCommand(program: Command, serve: Serve): void {
  program
    .command('serve')
    .description('run Tidemark, or some roles of it, in this process')
    .option('--roles <list>', 'such as api,gateway (or TIDEMARK_ROLES; else all of them)')
    .addHelpText('after', ROLES)
    .action(async ({ roles }: { readonly roles?: string }) => {
      await serve(roles === undefined ? {} : { roles })
    })
}
