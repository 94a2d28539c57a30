import { Command } from 'commander'
import { addAuditCommands } from './commands/audit.ts'
import { addCallCommand } from './commands/call.ts'
import { addEventCommands } from './commands/events.ts'
import { addInstallationCommands } from './commands/installations.ts'
import { addKeyCommands } from './commands/keys.ts'
import { addReadModelCommands } from './commands/read-models.ts'
import { addSearchCommand } from './commands/search.ts'
import { addServeCommand, type Serve } from './commands/serve.ts'
import { addShowCommand } from './commands/show.ts'
import { addSourceCommands } from './commands/sources.ts'
import { addStatsCommand } from './commands/stats.ts'

/** Every command; nothing of it ends the process. */
export function buildProgram(serve: Serve): Command {
  const program = new Command('tidemark')
    .description('Find, install, call, update and roll back MCP servers, and prove what happened.')
    .option('--url <address>', 'where Tidemark is (or TIDEMARK_URL; else the one of `make up`)')
    .option('--key-file <file>', 'holds the API key (or TIDEMARK_API_KEY; else the first one)')
    .option('--json', 'answers as JSON, for programs')
    .showHelpAfterError('(add --help for what this command takes)')
    .exitOverride()
  addSourceCommands(program)
  addSearchCommand(program)
  addInstallationCommands(program)
  addShowCommand(program)
  addCallCommand(program)
  addStatsCommand(program)
  addEventCommands(program)
  addAuditCommands(program)
  addReadModelCommands(program)
  addKeyCommands(program)
  addServeCommand(program, serve)
  return program
}
