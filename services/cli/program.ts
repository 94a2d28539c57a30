import { Command } from 'commander'
import { addAuditCommands } from './commands/audit.ts'
import { addCallCommand } from './commands/call.ts'
import { addEventCommands } from './commands/events.ts'
import { addInstallationCommands } from './commands/installations.ts'
import { addKeyCommands, type RecoverKey } from './commands/keys.ts'
import { addPrivacyCommands } from './commands/privacy.ts'
import { addReadModelCommands } from './commands/read-models.ts'
import { addRuleCommands } from './commands/rules.ts'
import { addRunCommands } from './commands/runs.ts'
import { addSearchCommand } from './commands/search.ts'
import { addServeCommand, type Serve } from './commands/serve.ts'
import { addShowCommand } from './commands/show.ts'
import { addSourceCommands } from './commands/sources.ts'
import { addStatsCommand } from './commands/stats.ts'
import { addWebhookCommands } from './commands/webhooks.ts'
import { addWhyCommand } from './commands/why.ts'
import { addWorkflowSecretCommands } from './commands/workflow-secrets.ts'
import { addWorkflowCommands } from './commands/workflows.ts'

/** What works without HTTP. It is in the composition root, which no other part of this program may know. */
export type OnThisMachine = { readonly serve: Serve; readonly recoverKey: RecoverKey }

/** Every command; nothing of it ends the process. */
export function buildProgram({ serve, recoverKey }: OnThisMachine): Command {
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
  addWhyCommand(program)
  addWorkflowCommands(program)
  addWorkflowSecretCommands(program)
  addRuleCommands(program)
  addRunCommands(program)
  addWebhookCommands(program)
  addAuditCommands(program)
  addReadModelCommands(program)
  addKeyCommands(program, recoverKey)
  addPrivacyCommands(program)
  addServeCommand(program, serve)
  return program
}
